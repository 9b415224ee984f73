/*
 * http_header.c
 *		Entity tags and accepted codings.
 */
#include <stdlib.h>
#include <string.h>

#include "core/http_header.h"
#include "support/tap.h"

static const struct
{
	const char *list;
	const char *etag;
	bool		listed;
}			tags[] = {
	{"\"a\"", "\"a\"", true},
	{"\"a\"", "W/\"a\"", true},
	{"W/\"a\"", "\"a\"", true},
	{"W/\"a\"", "W/\"a\"", true},
	{"\"a\"", "\"A\"", false},
	{"\"a\"", "\"ab\"", false},
	{"\"ab\"", "\"a\"", false},
	{"\"b\", W/\"c\" ,\"a\"", "\"a\"", true},
	{"\"b\",,\t\"a\"  ", "\"a\"", true},
	{"\"b,a\"", "\"a\"", false},
	{"\"b,a\"", "\"b,a\"", true},
	{"\"\"", "\"\"", true},
	{"*", "\"a\"", true},
	{" * ", "\"a\"", true},
	{"*, \"b\"", "\"a\"", false},
	{"\"*\"", "\"a\"", false},
	{"", "\"a\"", false},
	{"a", "\"a\"", false},
	{"w/\"a\"", "\"a\"", false},
	{"\"a", "\"a\"", false},
	{"\"a\"b, \"c\"", "\"a\"", false},
	{"junk\", \"a\"", "\"a\"", true},
	{"\"a\x7f\"", "\"a\x7f\"", false},
};

static const struct
{
	const char *header;
	bool		accepted;
}			codings[] = {
	{"gzip", true},
	{"deflate, GZip ;q=0.5, br", true},
	{"gzip;q=0", false},
	{"gzip; q=0.000", false},
	{"gzip;q=0.001", true},
	{"gzip;Q=1", true},
	{"*", true},
	{"*;q=0", false},
	{"br, *;q=0.1", true},
	{"gzip;q=0, *", false},
	{"*, gzip;q=0", false},
	{"identity", false},
	{"xgzip, gzipx", false},
	{"", false},
	{" ,, ", false},
	{";;gzip", false},
};

int
main(void)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
	{
		char	   *list = strdup(tags[i].list);
		char	   *etag = strdup(tags[i].etag);

		is(fo_http_etag_listed(list, etag), tags[i].listed, "<%s> in <%s>", etag, list);
		free(list);
		free(etag);
	}
	ok(fo_http_is_etag("\"a\"") && fo_http_is_etag("W/\"\"") && fo_http_is_etag("\"\xc3\xa9\""),
	   "entity tags");
	ok(!fo_http_is_etag("a") && !fo_http_is_etag("\"a") && !fo_http_is_etag("\"a\" ") &&
	   !fo_http_is_etag("\"a b\"") && !fo_http_is_etag("\"a\"\r\nSet-Cookie: x") &&
	   !fo_http_is_etag(""), "no entity tags");
	for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++)
	{
		char	   *header = strdup(codings[i].header);

		is(fo_http_accepts(header, "gzip"), codings[i].accepted, "gzip by <%s>", header);
		free(header);
	}
	return tap_done();
}
