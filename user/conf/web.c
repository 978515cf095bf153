// SPDX-License-Identifier: BSD-3-Clause
#include "conf/web.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/suggest.h"
#include "lib/file.h"
#include "lib/parse.h"

#define FILE_MAX      (1U << 20)
#define USERS_MAX     1024
#define USER_NAME_MAX 255
#define BCRYPT_LEN    60
#define WORDS_MAX     24

const struct web_suite web_suites[] = {
	{ "TLS_AES_128_GCM_SHA256", NULL, "AES-128-GCM", "AEAD" },
	{ "TLS_AES_256_GCM_SHA384", NULL, "AES-256-GCM", "AEAD" },
	{ "TLS_CHACHA20_POLY1305_SHA256", NULL, "CHACHA20-POLY1305", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA", "AES-128-CBC", "SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA", "AES-256-CBC", "SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA", "AES-128-CBC", "SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA", "AES-256-CBC", "SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA", "AES-128-GCM", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA", "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA", "AES-128-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA", "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA", "CHACHA20-POLY1305",
	  "AEAD" },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "AES-128-CBC", "SHA1" },
	{ "TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "AES-256-CBC", "SHA1" },
	{ "TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "AES-128-GCM", "AEAD" },
	{ "TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", "AES-256-GCM", "AEAD" },
	{ .name = NULL },
};

const struct web_curve web_curves[] = {
	{ "CurveP256", "GROUP-SECP256R1" },
	{ "CurveP384", "GROUP-SECP384R1" },
	{ "CurveP521", "GROUP-SECP521R1" },
	{ "X25519", "GROUP-X25519" },
	{ .name = NULL },
};

#define HEADER(member) offsetof(struct web, http.headers.member)
const struct web_header web_headers[] = {
	{ "Strict-Transport-Security", HEADER(hsts) },
	{ "X-Content-Type-Options", HEADER(content_type_options) },
	{ "X-Frame-Options", HEADER(frame_options) },
	{ "X-XSS-Protection", HEADER(xss_protection) },
	{ "Content-Security-Policy", HEADER(content_security_policy) },
	{ .name = NULL },
};

/* --- keys that may be there without a value, as templates leave them: they say nothing then */

static bool is_empty(const yaml_node_t *value)
{
	const char *text = yaml_doc_text(value);

	if (text)
		return !*text || (value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
				  (!strcmp(text, "~") || !strcmp(text, "null")));
	if (value->type == YAML_SEQUENCE_NODE)
		return value->data.sequence.items.start == value->data.sequence.items.top;
	return value->type == YAML_MAPPING_NODE &&
	       value->data.mapping.pairs.start == value->data.mapping.pairs.top;
}

#define OPTIONAL(name)                                                                        \
	static int name##_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value, \
			       void *structure)                                               \
	{                                                                                     \
		return is_empty(value) ? 0 : field_##name.load(d, f, value, structure);       \
	}
OPTIONAL(text)
OPTIONAL(texts)
OPTIONAL(setting)
OPTIONAL(mapping)

/* Files have secrets in them, and nobody writes them: no type can do that. */
#define TYPE(name, release_of) .load = name##_load, .release = release_of

static void text_release(const struct field *f, void *structure)
{
	field_text.release(f, structure);
}

static void texts_release(const struct field *f, void *structure)
{
	field_texts.release(f, structure);
}

static void mapping_init(const struct field *f, void *structure)
{
	field_mapping.init(f, structure);
}

static void mapping_release(const struct field *f, void *structure)
{
	field_mapping.release(f, structure);
}

static void setting_init(const struct field *f, void *structure)
{
	field_setting.init(f, structure);
}

static const struct field_type text_type = { TYPE(text, text_release) },
			       texts_type = { TYPE(texts, texts_release) },
			       setting_type = { .load = setting_load, .init = setting_init },
			       mapping_type = { .load = mapping_load,
						.init = mapping_init,
						.release = mapping_release };

/* --- TLS */

/* -EINVAL, unless one of the names is this text. */
static int name_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		      const char *text, const char *const *names)
{
	for (const char *const *name = names; *name; name++)
		if (!strcmp(*name, text))
			return 0;
	yaml_doc_error(d, value, "'%s' has '%.64s', which is not known here", f->key, text);
	suggest(d->error, text, names);
	return -EINVAL;
}

static int suite_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       const char *text)
{
	const char *names[WORDS_MAX + 1] = { NULL };
	unsigned cnt = 0;

	for (const struct web_suite *suite = web_suites; suite->name && cnt < WORDS_MAX; suite++)
		names[cnt++] = suite->name;
	return name_check(d, f, value, text, names);
}

static int curve_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       const char *text)
{
	const char *names[WORDS_MAX + 1] = { NULL };
	unsigned cnt = 0;

	for (const struct web_curve *curve = web_curves; curve->name && cnt < WORDS_MAX; curve++)
		names[cnt++] = curve->name;
	return name_check(d, f, value, text, names);
}

static const char *const version_words[] = { "TLS10", "TLS11", "TLS12", "TLS13", NULL };
static const struct setting client_auth = {
	.kind = SETTING_ENUM,
	.words = (const char *const[]){ "NoClientCert", "RequestClientCert", "RequireAnyClientCert",
					"RequireClientCert", "VerifyClientCertIfGiven",
					"RequireAndVerifyClientCert", NULL }
};
static const struct setting min_version = { .kind = SETTING_ENUM,
					    .initial = WEB_TLS12,
					    .words = version_words };
static const struct setting max_version = { .kind = SETTING_ENUM,
					    .initial = WEB_TLS13,
					    .words = version_words };
static const struct setting switch_on = { .kind = SETTING_BOOL, .initial = 1 };

#define TLS(member) offsetof(struct web_tls, member)
#define PEM_MAX	    FILE_MAX
static const struct field tls_fields[] = {
	{ "cert", &text_type, TLS(cert), .max = PEM_MAX },
	{ "key", &text_type, TLS(key), .max = PEM_MAX },
	{ "client_ca", &text_type, TLS(client_ca), .max = PEM_MAX },
	{ "cert_file", &text_type, TLS(cert_file) },
	{ "key_file", &text_type, TLS(key_file) },
	{ "client_ca_file", &text_type, TLS(client_ca_file) },
	{ "client_auth_type", &setting_type, TLS(client_auth), &client_auth },
	{ "client_allowed_sans", &texts_type, TLS(client_allowed_sans) },
	{ "min_version", &setting_type, TLS(min_version), &min_version },
	{ "max_version", &setting_type, TLS(max_version), &max_version },
	{ "cipher_suites", &texts_type, TLS(cipher_suites), .check = suite_check },
	{ "prefer_server_cipher_suites", &setting_type, TLS(prefer_server_cipher_suites),
	  &switch_on },
	{ "curve_preferences", &texts_type, TLS(curve_preferences), .check = curve_check },
	{ .key = NULL },
};
_Static_assert(sizeof(tls_fields) / sizeof(*tls_fields) <= WEB_TLS_KEYS + 1, "a line for each");

unsigned web_tls_line(const struct web *w, const char *key)
{
	for (const struct field *f = tls_fields; f->key; f++)
		if (!strcmp(f->key, key) && w->tls.lines[f - tls_fields])
			return w->tls.lines[f - tls_fields];
	return w->tls.line;
}

bool web_has_tls(const struct web *w)
{
	const struct web_tls *t = &w->tls;

	return t->cert || t->cert_file || t->key || t->key_file || t->client_ca ||
	       t->client_ca_file || t->client_auth;
}

unsigned web_demands(const struct web *w)
{
	unsigned ret = 0;

	if (web_has_tls(w))
		ret |= WEB_DEMANDS_TLS;
	if (w->user_cnt)
		ret |= WEB_DEMANDS_USER;
	if (w->tls.client_auth == WEB_CLIENT_REQUIRE_AND_VERIFY)
		ret |= WEB_DEMANDS_CERTIFICATE;
	return ret;
}

bool web_is_asking(const struct web *w)
{
	return web_demands(w) & (WEB_DEMANDS_USER | WEB_DEMANDS_CERTIFICATE);
}

bool web_knows_clients(const struct web *w)
{
	return web_is_asking(w) || w->tls.client_auth == WEB_CLIENT_VERIFY_IF_GIVEN;
}

/* What Go's crypto/tls and the exporters refuse, too. */
static int tls_check(struct yaml_doc *d, const yaml_node_t *node, const struct web *w)
{
	const struct web_tls *t = &w->tls;

	if (t->min_version > t->max_version)
		return yaml_doc_error(d, node, "'min_version' is above 'max_version'");
	if (!web_has_tls(w))
		return 0;
	if (!t->cert && !t->cert_file)
		return yaml_doc_error(d, node, "'tls_server_config' needs 'cert_file' or 'cert'");
	if (!t->key && !t->key_file)
		return yaml_doc_error(d, node, "'tls_server_config' needs 'key_file' or 'key'");
	if ((t->client_ca || t->client_ca_file) && !t->client_auth)
		return yaml_doc_error(
			d, node,
			"'client_ca_file' needs a 'client_auth_type' such as RequireAndVerifyClientCert");
	if (t->client_allowed_sans && t->client_auth != WEB_CLIENT_REQUIRE_ANY &&
	    t->client_auth != WEB_CLIENT_REQUIRE && t->client_auth != WEB_CLIENT_REQUIRE_AND_VERIFY)
		return yaml_doc_error(
			d, node,
			"'client_allowed_sans' needs the 'client_auth_type' RequireAndVerifyClientCert");
	return 0;
}

/* --- headers, users, limits */

static int value_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return yaml_doc_error(d, value, "'%s' has a character that no header can",
					      f->key);
	return 0;
}

static int nosniff_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
			 const char *text)
{
	return strcmp(text, "nosniff") ? value_wrong(d, f->key, value, "nosniff") : 0;
}

static int frame_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
		       const char *text)
{
	return strcmp(text, "deny") && strcmp(text, "sameorigin")
		       ? value_wrong(d, f->key, value, "deny or sameorigin")
		       : 0;
}

static const struct field header_fields[] = {
	{ "Strict-Transport-Security", &text_type, HEADER(hsts), .check = value_check },
	{ "X-Content-Type-Options", &text_type, HEADER(content_type_options),
	  .check = nosniff_check },
	{ "X-Frame-Options", &text_type, HEADER(frame_options), .check = frame_check },
	{ "X-XSS-Protection", &text_type, HEADER(xss_protection), .check = value_check },
	{ "Content-Security-Policy", &text_type, HEADER(content_security_policy),
	  .check = value_check },
	{ .key = NULL },
};

/* $2y$10$ and 53 characters; nothing of it is shown. */
static bool is_bcrypt(const char *hash)
{
	static const char base64[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	u64 cost;
	char digits[3];

	if (strlen(hash) != BCRYPT_LEN || strncmp(hash, "$2", 2) != 0 || !strchr("aby", hash[2]) ||
	    hash[3] != '$' || hash[6] != '$')
		return false;
	memcpy(digits, hash + 4, 2);
	digits[2] = '\0';
	return !parse_u64(digits, 4, 31, &cost) && strspn(hash + 7, base64) == BCRYPT_LEN - 7;
}

static int user_load(struct yaml_doc *d, const yaml_node_pair_t *pair, struct web *w)
{
	const yaml_node_t *key = yaml_doc_node(d, pair->key),
			  *value = yaml_doc_node(d, pair->value);
	const char *name = yaml_doc_text(key), *hash = yaml_doc_text(value);
	struct web_user *u = &w->users[w->user_cnt];

	if (!name || !*name || strchr(name, ':') || strlen(name) > USER_NAME_MAX)
		return yaml_doc_error(d, key, "'%.64s' is no name of a user", name ?: "");
	for (unsigned i = 0; i < w->user_cnt; i++)
		if (!strcmp(w->users[i].name, name))
			return yaml_doc_error(d, key, "duplicate user '%.64s'", name);
	if (!hash || !is_bcrypt(hash))
		return yaml_doc_error(
			d, value,
			"the password of '%.64s' is no bcrypt hash ($2y$10$...); make one with: htpasswd -nBC 10 %.64s",
			name, name);
	w->user_cnt++;
	u->name = strdup(name);
	u->hash = strdup(hash);
	return u->name && u->hash ? 0 : -ENOMEM;
}

static int users_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
		      void *structure)
{
	struct web *w = structure;
	int err = 0;

	if (is_empty(value))
		return 0;
	if (value->type != YAML_MAPPING_NODE)
		return yaml_doc_error(d, value, "'%s' must hold 'user: hash' pairs", f->key);
	if (value->data.mapping.pairs.top - value->data.mapping.pairs.start > USERS_MAX)
		return yaml_doc_error(d, value, "'%s' has more than %d entries", f->key, USERS_MAX);
	w->users =
		calloc((size_t)(value->data.mapping.pairs.top - value->data.mapping.pairs.start) +
			       1,
		       sizeof(*w->users));
	if (!w->users)
		return -ENOMEM;
	for (yaml_node_pair_t *p = value->data.mapping.pairs.start;
	     p < value->data.mapping.pairs.top && !err; p++)
		err = user_load(d, p, w);
	return err;
}

static void users_release(const struct field *f, void *structure)
{
	struct web *w = structure;

	(void)f;
	for (unsigned i = 0; i < w->user_cnt; i++) {
		free(w->users[i].name);
		free(w->users[i].hash);
	}
	free(w->users);
}

/* A duration, or 0. */
static int interval_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			 void *structure)
{
	const char *text = is_empty(value) ? "0" : value_text(d, f->key, value, CONF_NAME_MAX);

	if (!text)
		return -EINVAL;
	if (!strcmp(text, "0"))
		return 0;
	if (parse_duration(text, (u64 *)((char *)structure + f->offset)))
		return value_wrong(d, f->key, value, "a duration such as 100ms, or 0");
	return 0;
}

static const struct field_type users_type = { TYPE(users, users_release) },
			       interval_type = { .load = interval_load };

static int excluded_check(struct yaml_doc *d, const struct field *f, const yaml_node_t *value,
			  const char *text)
{
	return path_check(d, f, value, text);
}

#define AT(member) offsetof(struct web, member)

/* `headers` is in `http_server_config`, but its rows are of the whole: web_headers knows where they are, too. */
static int headers_load(struct yaml_doc *d, const struct field *f, yaml_node_t *value,
			void *structure)
{
	return is_empty(value) ? 0 : fields_load(d, f->key, value, header_fields, structure);
}

static void headers_release(const struct field *f, void *structure)
{
	(void)f;
	fields_release(header_fields, structure);
}

static const struct field_type headers_type = { TYPE(headers, headers_release) };

static const struct field http_fields[] = {
	{ "http2", &setting_type, AT(http.http2), &switch_on },
	{ "headers", &headers_type },
	{ .key = NULL },
};

static const struct setting burst = { .kind = SETTING_COUNT, .max = 1000000000 };
static const struct field rate_fields[] = {
	{ "interval", &interval_type, AT(rate.interval_ns) },
	{ "burst", &setting_type, AT(rate.burst), &burst },
	{ .key = NULL },
};

static const struct field web_fields[] = {
	{ "tls_server_config", &mapping_type, AT(tls), tls_fields },
	{ "http_server_config", &mapping_type, 0, http_fields },
	{ "basic_auth_users", &users_type },
	{ "auth_excluded_paths", &texts_type, AT(excluded), .check = excluded_check },
	{ "rate_limit", &mapping_type, 0, rate_fields },
	{ .key = NULL },
};

/* --- files */

/* Paths are relative to the folder that the file is in. */
static int path_join(const char *file, const char *path, char **ret)
{
	const char *slash = *path == '/' ? NULL : strrchr(file, '/');
	struct buf joined = { 0 };

	if (slash)
		buf_add(&joined, file, (size_t)(slash + 1 - file));
	buf_str(&joined, path);
	*ret = strdup(buf_cstr(&joined));
	buf_release(&joined);
	return *ret && **ret ? 0 : -ENOMEM;
}

/* A named file goes before what stands in this one. */
static const struct {
	const char *key;
	size_t file, text;
} pem_rows[] = {
	{ "cert_file", AT(tls.cert_file), AT(tls.cert) },
	{ "key_file", AT(tls.key_file), AT(tls.key) },
	{ "client_ca_file", AT(tls.client_ca_file), AT(tls.client_ca) },
};
#define PEM_FILES (sizeof(pem_rows) / sizeof(*pem_rows))
_Static_assert(PEM_FILES + 1 == WEB_FILES, "the file itself and these");

static char **text_at(struct web *w, size_t offset)
{
	return (char **)((char *)w + offset);
}

static int pem_read(struct yaml_doc *d, const yaml_node_t *node, const char *key, const char *path,
		    char **to)
{
	struct buf text = { 0 };
	int err = regular_read(path, FILE_MAX, &text);

	if (err) {
		yaml_doc_error(d, node, "'%s': cannot read %.256s: %s", key, path,
			       regular_problem(err));
	} else if (memchr(text.data ?: "", 0, text.len)) {
		err = yaml_doc_error(d, node, "'%s': %.256s is no PEM", key, path);
	} else {
		free(*to);
		*to = strdup(buf_cstr(&text));
		err = *to ? 0 : -ENOMEM;
	}
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	return err;
}

static int pems_read(struct yaml_doc *d, yaml_node_t *tls, struct web *w)
{
	int err = 0;

	for (unsigned i = 0; i < PEM_FILES && !err; i++) {
		const char *file = *text_at(w, pem_rows[i].file);

		if (file)
			err = path_join(d->path, file, &w->files.paths[i + 1]);
	}
	web_files_stamp_rest(&w->files);
	for (unsigned i = 0; i < PEM_FILES && !err; i++)
		if (w->files.paths[i + 1])
			err = pem_read(d, yaml_doc_value(d, tls, pem_rows[i].key), pem_rows[i].key,
				       w->files.paths[i + 1], text_at(w, pem_rows[i].text));
	return err;
}

static int root_load(struct yaml_doc *d, yaml_node_t *root, struct web *w)
{
	yaml_node_t *tls = yaml_doc_value(d, root, "tls_server_config"),
		    *rate = yaml_doc_value(d, root, "rate_limit");
	int err = fields_load(d, "", root, web_fields, w);

	if (err)
		return err;
	w->tls.line = yaml_doc_line(d, root, "tls_server_config");
	for (const struct field *f = tls_fields; f->key && tls; f++)
		w->tls.lines[f - tls_fields] = yaml_doc_line(d, tls, f->key);
	if (w->rate.interval_ns && !w->rate.burst)
		return yaml_doc_error(d, rate, "'burst' must be at least 1, or nothing is served");
	return (tls ? tls_check(d, tls, w) : 0) ?: pems_read(d, tls, w);
}

static int text_load_all(struct web *w, const char *path, const struct buf *text, struct buf *error)
{
	yaml_node_t *root;
	struct yaml_doc d;
	int err = yaml_doc_load(&d, path, text->data, text->len, error);

	if (err)
		return err;
	root = yaml_doc_root(&d);
	if (root)
		err = root_load(&d, root, w);
	else
		web_files_stamp_rest(&w->files);
	yaml_doc_release(&d);
	return err;
}

int web_load(struct web **ret, const char *path, struct buf *error)
{
	struct web *w = calloc(1, sizeof(*w));
	struct buf text = { 0 };
	int err = w ? 0 : -ENOMEM;

	if (!err) {
		fields_init(web_fields, w);
		w->files.paths[0] = strdup(path);
		web_files_stamp_first(&w->files);
		err = w->files.paths[0] ? regular_read(path, FILE_MAX, &text) : -ENOMEM;
		if (err)
			buf_printf(error, "%s: %s", path, regular_problem(err));
	}
	err = err ?: text_load_all(w, path, &text, error);
	if (err && !error->len)
		buf_printf(error, "%s: %s", path, strerror(-err));
	if (text.data)
		explicit_bzero(text.data, text.len);
	buf_release(&text);
	if (err)
		web_free(w);
	else
		*ret = w;
	return err;
}

void web_free(struct web *w)
{
	if (!w)
		return;
	if (w->tls.key)
		explicit_bzero(w->tls.key, strlen(w->tls.key));
	fields_release(web_fields, w);
	web_files_release(&w->files);
	free(w);
}
