/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A web configuration (conf/web.h) in use: keys and certificates as GnuTLS wants them. Connections keep the one that they began
 * with.
 */
#ifndef HTTP_SECURE_H
#define HTTP_SECURE_H

#include <gnutls/gnutls.h>

#include "conf/web.h"

struct secure {
	struct web *web;
	gnutls_certificate_credentials_t credentials; /* NULL: no TLS */
	gnutls_priority_t priority;
	unsigned users; /* who has it; private to the server */
	struct secure *next;
};

/* Takes the web configuration on success. 0, -ENOMEM, or -EINVAL and `error` as of conf_load(). */
int secure_new(struct secure **ret, struct web *web, struct buf *error);
/*
 * The same without making anything: a key has to fit its certificate. Adds what stands in other files of the system: whom clients'
 * certificates may be of where the configuration does not say.
 */
int secure_check(struct web *web, struct buf *error);
/* From a file; of what is wrong with it as well. */
int secure_load(struct web **ret, const char *path, struct buf *error);
void secure_free(struct secure *s);
/* A connection begins its handshake. */
void secure_begin(struct secure *s, gnutls_session_t session);
/* Has the client of this connection a certificate that was verified? */
bool secure_is_verified(const struct secure *s, gnutls_session_t session);
/* Does either trust the clients that the other trusts? */
bool secure_same_clients(const struct secure *a, const struct secure *b);

#endif
