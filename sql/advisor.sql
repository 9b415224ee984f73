-- advisor: which indexes to make and to drop, what is repeated, what is slow

-- index advice

-- index health

-- repeated and slow queries
