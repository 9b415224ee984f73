-- keyword: compiled keyword sets, and the operators and functions that match texts against them

