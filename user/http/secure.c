// SPDX-License-Identifier: BSD-3-Clause
#include "http/secure.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/log.h"

/* --- what is allowed, as a priority string of GnuTLS */

static void once_add(struct buf *out, const char *word)
{
	struct buf item = { 0 };

	buf_printf(&item, ":+%s", word);
	if (!strstr(buf_cstr(out), buf_cstr(&item)))
		buf_str(out, buf_cstr(&item));
	buf_release(&item);
}

static const struct web_suite *suite_find(const char *name)
{
	const struct web_suite *suite = web_suites;

	while (suite->name && strcmp(suite->name, name) != 0)
		suite++;
	return suite->name ? suite : NULL;
}

/* Can it be used with this certificate? */
static bool suite_fits(const struct web_suite *suite, gnutls_pk_algorithm_t key)
{
	bool rsa = key == GNUTLS_PK_RSA || key == GNUTLS_PK_RSA_PSS;

	return suite->kx && rsa == !!strcmp(suite->kx, "ECDHE-ECDSA");
}

/* Those that are asked for come first; those of TLS 1.3 cannot be chosen. suite_check() refuses what else can be combined. */
static void suites_write(const struct web_tls *t, gnutls_pk_algorithm_t key, struct buf *out)
{
	buf_str(out, ":-CIPHER-ALL:-KX-ALL:-MAC-ALL");
	for (char *const *name = t->cipher_suites; *name; name++) {
		const struct web_suite *suite = suite_find(*name);

		if (!suite || !suite_fits(suite, key))
			continue;
		once_add(out, suite->cipher);
		once_add(out, suite->kx);
		once_add(out, suite->mac);
	}
	for (const struct web_suite *suite = web_suites; suite->name; suite++) {
		if (suite->kx)
			continue;
		once_add(out, suite->cipher);
		once_add(out, suite->mac);
	}
}

static void groups_write(const struct web_tls *t, struct buf *out)
{
	buf_str(out, ":-GROUP-ALL");
	for (char *const *name = t->curve_preferences; *name; name++)
		for (const struct web_curve *curve = web_curves; curve->name; curve++)
			if (!strcmp(curve->name, *name))
				once_add(out, curve->group);
}

static void priority_write(const struct web_tls *t, gnutls_pk_algorithm_t key, struct buf *out)
{
	static const char *const versions[] = { "VERS-TLS1.0", "VERS-TLS1.1", "VERS-TLS1.2",
						"VERS-TLS1.3" };

	buf_str(out, "NORMAL:-VERS-ALL");
	for (u64 version = t->min_version; version <= t->max_version; version++)
		buf_printf(out, ":+%s", versions[version]);
	if (t->cipher_suites)
		suites_write(t, key, out);
	if (t->curve_preferences)
		groups_write(t, out);
	if (t->prefer_server_cipher_suites)
		buf_str(out, ":%SERVER_PRECEDENCE");
}

/* --- handshakes */

static bool is_verifying(const struct web_tls *t)
{
	return t->client_auth == WEB_CLIENT_VERIFY_IF_GIVEN ||
	       t->client_auth == WEB_CLIENT_REQUIRE_AND_VERIFY;
}

/* A suite of TLS 1.2 that nobody has asked for, made of parts of those that were asked for, ends the handshake. */
static int suite_check(gnutls_session_t session, unsigned type, unsigned post, unsigned incoming,
		       const gnutls_datum_t *message)
{
	const struct secure *s = gnutls_session_get_ptr(session);
	const char *cipher = gnutls_cipher_get_name(gnutls_cipher_get(session)),
		   *kx = gnutls_kx_get_name(gnutls_kx_get(session));

	(void)type, (void)post, (void)incoming, (void)message;
	if (gnutls_protocol_get_version(session) > GNUTLS_TLS1_2)
		return 0;
	for (char *const *name = s->web->tls.cipher_suites; *name; name++) {
		const struct web_suite *suite = suite_find(*name);

		if (suite && suite->kx && !strcmp(suite->kx, kx ?: "") &&
		    !strcmp(suite->cipher, cipher ?: ""))
			return 0;
	}
	return GNUTLS_E_NO_CIPHER_SUITES;
}

static bool is_allowed(const struct web_tls *t, const char *name)
{
	for (char *const *allowed = t->client_allowed_sans; *allowed; allowed++)
		if (!strcmp(*allowed, name))
			return true;
	return false;
}

/* One name, of `size` bytes, of a certificate: an address is bytes there, everything else is text. */
static bool san_is_allowed(const struct web_tls *t, int type, const char *name, size_t size)
{
	char text[INET6_ADDRSTRLEN];

	if (type == GNUTLS_SAN_IPADDRESS)
		return (size == 4 || size == 16) &&
		       inet_ntop(size == 4 ? AF_INET : AF_INET6, name, text, sizeof(text)) &&
		       is_allowed(t, text);
	if (type != GNUTLS_SAN_DNSNAME && type != GNUTLS_SAN_RFC822NAME && type != GNUTLS_SAN_URI)
		return false;
	return strlen(name) == size && is_allowed(t, name);
}

static bool sans_are_allowed(const struct web_tls *t, gnutls_x509_crt_t cert)
{
	char name[1024];
	int type = 0;

	for (unsigned i = 0; type != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE; i++) {
		size_t size = sizeof(name) - 1;

		memset(name, 0, sizeof(name));
		type = gnutls_x509_crt_get_subject_alt_name(cert, i, name, &size, NULL);
		if (type >= 0 && san_is_allowed(t, type, name, size))
			return true;
		if (type < 0 && type != GNUTLS_E_SHORT_MEMORY_BUFFER)
			return false;
	}
	return false;
}

static bool peer_is_named(const struct web_tls *t, gnutls_session_t session)
{
	const gnutls_datum_t *peer = gnutls_certificate_get_peers(session, NULL);
	gnutls_x509_crt_t cert;
	bool named;

	if (!peer || gnutls_x509_crt_init(&cert))
		return false;
	named = !gnutls_x509_crt_import(cert, peer, GNUTLS_X509_FMT_DER) &&
		sans_are_allowed(t, cert);
	gnutls_x509_crt_deinit(cert);
	return named;
}

/* Called also when a client has sent none, which was refused before where it must have one. */
static int secure_verify(gnutls_session_t session)
{
	const struct secure *s = gnutls_session_get_ptr(session);
	const struct web_tls *t = &s->web->tls;
	gnutls_typed_vdata_st purpose = { .type = GNUTLS_DT_KEY_PURPOSE_OID,
					  .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT };
	unsigned status = 0;

	if (!gnutls_certificate_get_peers(session, NULL))
		return 0;
	if (is_verifying(t) &&
	    (gnutls_certificate_verify_peers(session, &purpose, 1, &status) || status))
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	if (t->client_allowed_sans && !peer_is_named(t, session))
		return GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR;
	return 0;
}

void secure_begin(struct secure *s, gnutls_session_t session)
{
	static const gnutls_certificate_request_t requests[] = {
		[WEB_CLIENT_NONE] = GNUTLS_CERT_IGNORE,
		[WEB_CLIENT_REQUEST] = GNUTLS_CERT_REQUEST,
		[WEB_CLIENT_REQUIRE_ANY] = GNUTLS_CERT_REQUIRE,
		[WEB_CLIENT_REQUIRE] = GNUTLS_CERT_REQUIRE,
		[WEB_CLIENT_VERIFY_IF_GIVEN] = GNUTLS_CERT_REQUEST,
		[WEB_CLIENT_REQUIRE_AND_VERIFY] = GNUTLS_CERT_REQUIRE,
	};

	gnutls_session_set_ptr(session, s);
	gnutls_priority_set(session, s->priority);
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, s->credentials);
	gnutls_certificate_server_set_request(session, requests[s->web->tls.client_auth]);
	if (s->web->tls.cipher_suites)
		gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED,
						   GNUTLS_HOOK_PRE, suite_check);
}

/* One that was not accepted has ended the handshake. */
bool secure_is_verified(const struct secure *s, gnutls_session_t session)
{
	return is_verifying(&s->web->tls) && gnutls_certificate_get_peers(session, NULL);
}

static bool text_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool texts_same(char *const *a, char *const *b)
{
	if (!a || !b)
		return a == b;
	while (*a && *b && !strcmp(*a, *b))
		a++, b++;
	return !*a && !*b;
}

bool secure_same_clients(const struct secure *a, const struct secure *b)
{
	const struct web_tls *x = &a->web->tls, *y = &b->web->tls;

	return x->client_auth == y->client_auth && text_same(x->client_ca, y->client_ca) &&
	       texts_same(x->client_allowed_sans, y->client_allowed_sans);
}

/* --- from texts */

static int tls_failed(const struct web *w, const char *key, const char *file, int err,
		      struct buf *error)
{
	buf_printf(error, "%s:%u: '%s': %s%s%s", w->files.paths[0],
		   web_tls_line(w, file ? key : "tls_server_config"), key, file ?: "",
		   file ? ": " : "", gnutls_strerror(err));
	return err == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;
}

static gnutls_datum_t datum(char *text)
{
	return (gnutls_datum_t){ (unsigned char *)text, (unsigned)strlen(text) };
}

static void certs_free(gnutls_x509_crt_t *certs, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		gnutls_x509_crt_deinit(certs[i]);
	gnutls_free(certs);
}

/* Asked before the library makes a pair of it, which forgets what it has of a certificate that it cannot read. */
static int certs_check(const struct web_tls *t)
{
	gnutls_x509_crt_t *certs = NULL;
	unsigned cnt = 0;
	gnutls_datum_t text = datum(t->cert);
	int err = gnutls_x509_crt_list_import2(&certs, &cnt, &text, GNUTLS_X509_FMT_PEM, 0);

	if (err >= 0)
		certs_free(certs, cnt);
	return err;
}

static int pair_set(const struct secure *s, struct buf *error)
{
	struct web_tls *t = &s->web->tls;
	gnutls_datum_t cert = datum(t->cert), key = datum(t->key);
	int err = certs_check(t);

	if (err < 0)
		return tls_failed(s->web, "cert_file", t->cert_file, err, error);
	err = gnutls_certificate_set_x509_key_mem(s->credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
	return err < 0 ? tls_failed(s->web, "key_file", t->key_file, err, error) : 0;
}

static int trust_set(const struct secure *s, struct buf *error)
{
	struct web_tls *t = &s->web->tls;
	gnutls_datum_t ca;
	int err;

	if (!t->client_ca)
		return 0;
	ca = datum(t->client_ca);
	err = gnutls_certificate_set_x509_trust_mem(s->credentials, &ca, GNUTLS_X509_FMT_PEM);
	if (err == 0)
		err = GNUTLS_E_NO_CERTIFICATE_FOUND;
	return err > 0 ? 0 : tls_failed(s->web, "client_ca_file", t->client_ca_file, err, error);
}

static gnutls_pk_algorithm_t key_algorithm(const struct secure *s)
{
	gnutls_pk_algorithm_t ret = GNUTLS_PK_UNKNOWN;
	gnutls_x509_crt_t *certs;
	unsigned cnt;

	if (gnutls_certificate_get_x509_crt(s->credentials, 0, &certs, &cnt))
		return ret;
	if (cnt)
		ret = gnutls_x509_crt_get_pk_algorithm(certs[0], NULL);
	certs_free(certs, cnt);
	return ret;
}

static int priority_set(struct secure *s, struct buf *error)
{
	struct buf text = { 0 };
	int err;

	priority_write(&s->web->tls, key_algorithm(s), &text);
	err = text.failed ? GNUTLS_E_MEMORY_ERROR
			  : gnutls_priority_init(&s->priority, buf_cstr(&text), NULL);
	buf_release(&text);
	return err ? tls_failed(s->web, "tls_server_config", NULL, err, error) : 0;
}

static int tls_set(struct secure *s, struct buf *error)
{
	int err;

	if (gnutls_certificate_allocate_credentials(&s->credentials))
		return -ENOMEM;
	gnutls_certificate_set_verify_function(s->credentials, secure_verify);
	err = pair_set(s, error);
	err = err ?: trust_set(s, error);
	return err ?: priority_set(s, error);
}

int secure_new(struct secure **ret, struct web *web, struct buf *error)
{
	struct secure *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->web = web;
	err = web_has_tls(web) ? tls_set(s, error) : 0;
	if (err) {
		s->web = NULL;
		secure_free(s);
	} else {
		*ret = s;
	}
	return err;
}

void secure_free(struct secure *s)
{
	if (!s)
		return;
	if (s->credentials)
		gnutls_certificate_free_credentials(s->credentials);
	if (s->priority)
		gnutls_priority_deinit(s->priority);
	web_free(s->web);
	free(s);
}

static void authority_add(struct buf *to, gnutls_x509_crt_t cert)
{
	gnutls_datum_t pem;

	if (gnutls_x509_crt_export2(cert, GNUTLS_X509_FMT_PEM, &pem))
		return;
	buf_add(to, pem.data, pem.size);
	gnutls_free(pem.data);
}

/* Where the system names nobody, nobody is trusted. */
static int system_trust(char **ret)
{
	gnutls_x509_trust_list_iter_t i = NULL;
	gnutls_x509_trust_list_t list;
	gnutls_x509_crt_t cert;
	struct buf pem = { 0 };
	bool failed;

	if (gnutls_x509_trust_list_init(&list, 0))
		return -ENOMEM;
	gnutls_x509_trust_list_add_system_trust(list, 0, 0);
	while (!gnutls_x509_trust_list_iter_get_ca(list, &i, &cert)) {
		authority_add(&pem, cert);
		gnutls_x509_crt_deinit(cert);
	}
	gnutls_x509_trust_list_iter_deinit(i);
	gnutls_x509_trust_list_deinit(list, 1);
	*ret = pem.len ? strdup(buf_cstr(&pem)) : NULL;
	failed = pem.failed || (pem.len && !*ret);
	buf_release(&pem);
	return failed ? -ENOMEM : 0;
}

int secure_check(struct web *web, struct buf *error)
{
	struct secure *s = NULL;
	int err = secure_new(&s, web, error);

	if (err)
		return err;
	s->web = NULL;
	secure_free(s);
	return is_verifying(&web->tls) && !web->tls.client_ca ? system_trust(&web->tls.client_ca)
							      : 0;
}

int secure_load(struct web **ret, const char *path, struct buf *error)
{
	struct web *web = NULL;
	int err = web_load(&web, path, error);

	if (err)
		return err;
	err = secure_check(web, error);
	if (err)
		web_free(web);
	else
		*ret = web;
	return err;
}
