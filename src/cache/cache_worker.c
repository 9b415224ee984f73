#include "postgres.h"
#include "cache/cache_worker.h"
void fo_cache_worker_init(void) {}
