/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The web configuration: TLS, users, headers and a rate limit of the endpoint, in the file that Prometheus' exporters share
 * (web.yml of node_exporter).
 */
#ifndef CONF_WEB_H
#define CONF_WEB_H

#include "conf/field.h"
#include "conf/web_files.h"

/* Words of `client_auth_type`. */
enum web_client_auth {
	WEB_CLIENT_NONE,
	WEB_CLIENT_REQUEST,
	WEB_CLIENT_REQUIRE_ANY,
	WEB_CLIENT_REQUIRE, /* the same, as it was called once */
	WEB_CLIENT_VERIFY_IF_GIVEN,
	WEB_CLIENT_REQUIRE_AND_VERIFY,
};

/* Words of `min_version` and `max_version`. */
enum web_tls_version { WEB_TLS10, WEB_TLS11, WEB_TLS12, WEB_TLS13 };

#define WEB_TLS_KEYS 16

struct web_tls {
	/* PEM, from the file if there is one; NULL: none */
	char *cert, *key, *client_ca;
	char *cert_file, *key_file, *client_ca_file;
	u64 client_auth; /* enum web_client_auth */
	u64 min_version, max_version;
	u64 prefer_server_cipher_suites;
	/* Each ends with NULL, and is NULL where there is nothing to say. */
	char **client_allowed_sans, **cipher_suites, **curve_preferences;
	unsigned line, lines[WEB_TLS_KEYS]; /* of the section and its keys, see web_tls_line() */
};

struct web_user {
	char *name, *hash; /* bcrypt */
};

struct web_header {
	const char *name;
	size_t offset; /* of its value, in struct web */
};

struct web {
	struct web_tls tls;
	struct {
		u64 http2; /* accepted, and of no effect: HTTP/1.1 is spoken */
		struct {
			char *hsts, *content_type_options, *frame_options, *xss_protection,
				*content_security_policy;
		} headers;
	} http;
	struct web_user *users;
	unsigned user_cnt;
	char **excluded; /* paths that need no user; ends with NULL */
	struct {
		u64 interval_ns, burst; /* 0: no limit */
	} rate;
	struct web_files files;
};

/*
 * Reads the file and those that it names, and nothing else does: on failure *ret is untouched and `error` holds one line, as of
 * conf_load().
 */
int web_load(struct web **ret, const char *path, struct buf *error);
void web_free(struct web *w);
/* Is there to be TLS? */
bool web_has_tls(const struct web *w);
/* What clients must have; bits of web_demands(). */
enum web_demand { WEB_DEMANDS_TLS = 1, WEB_DEMANDS_USER = 2, WEB_DEMANDS_CERTIFICATE = 4 };
unsigned web_demands(const struct web *w);
/* Do clients have to show who they are? */
bool web_is_asking(const struct web *w);
/* May some of them be trusted for what they show? */
bool web_knows_clients(const struct web *w);
/* The line of this key of `tls_server_config`, which begins at the line of one that is not there. */
unsigned web_tls_line(const struct web *w, const char *key);

/* The response headers that may be set; ends with one without name. */
extern const struct web_header web_headers[];

/* Words of GnuTLS for a name of the file; each ends with a row without name. */
struct web_suite {
	const char *name, *kx, *cipher, *mac; /* kx NULL: of TLS 1.3, which has them all anyhow */
};
struct web_curve {
	const char *name, *group;
};
extern const struct web_suite web_suites[];
extern const struct web_curve web_curves[];

#endif
