/*
 * http_header.h
 *		What is needed of the grammar of HTTP headers (RFC 9110).
 */
#ifndef FO_CORE_HTTP_HEADER_H
#define FO_CORE_HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>

extern bool fo_http_is_etag(const char *text);
extern bool fo_http_etag_listed(const char *list, const char *etag);
extern bool fo_http_accepts(const char *accept_encoding, const char *coding);

#endif							/* FO_CORE_HTTP_HEADER_H */
