// SPDX-License-Identifier: BSD-3-Clause
/*
 * libcurl is loaded when the first message is sent: it brings twenty libraries with it, which a daemon that posts nothing need not
 * have.
 */
#include "alert/post.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/loop.h"
#include "lib/version.h"

#define ANSWER_KEPT_BYTES 512
#define ANSWER_MAX_BYTES  (64 * 1024) /* with its header */
#define EXCERPT_BYTES	  160
#define PASSWORD_MAX	  1024
#define TIMEOUT_MS	  10000L
#define CONNECT_MS	  5000L
#define POLL_MS		  100 /* how soon an end that is asked for is seen */

#define CURL_FUNCTIONS(X)      \
	X(global_init)         \
	X(easy_init)           \
	X(easy_setopt)         \
	X(easy_getinfo)        \
	X(easy_reset)          \
	X(easy_strerror)       \
	X(easy_cleanup)        \
	X(multi_init)          \
	X(multi_add_handle)    \
	X(multi_perform)       \
	X(multi_poll)          \
	X(multi_info_read)     \
	X(multi_remove_handle) \
	X(multi_cleanup)       \
	X(slist_append)        \
	X(slist_free_all)

static struct {
#define X(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(X)
#undef X
} curl;

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_loaded;

static void curl_load(void)
{
	void *lib = dlopen("libcurl.so.4", RTLD_NOW) ?: dlopen("libcurl-gnutls.so.4", RTLD_NOW);
	const struct {
		const char *name;
		void *to;
	} functions[] = {
#define X(name) { "curl_" #name, &curl.name },
		CURL_FUNCTIONS(X)
#undef X
	};

	for (size_t i = 0; lib && i < sizeof(functions) / sizeof(*functions); i++) {
		void *function = dlsym(lib, functions[i].name);

		if (!function)
			return;
		memcpy(functions[i].to, &function, sizeof(function));
	}
	curl_loaded = lib && !curl.global_init(CURL_GLOBAL_DEFAULT);
}

struct post {
	struct http_target conf; /* its own copy */
	char *url;
	CURLM *multi; /* which keeps the connection; NULL: not yet, as the following */
	CURL *handle;
	struct curl_slist *headers;
	/* Of the answer that is being read. */
	char kept[ANSWER_KEPT_BYTES];
	size_t kept_len, answer_len;
};

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

struct post *post_new(const struct http_target *conf, const char *path)
{
	struct post *p = calloc(1, sizeof(*p));
	size_t len = strlen(conf->url);
	struct buf url = { 0 };

	if (!p)
		return NULL;
	while (*path && len && conf->url[len - 1] == '/')
		len--;
	buf_printf(&url, "%.*s%s", (int)len, conf->url, path);
	p->url = strdup(buf_cstr(&url));
	buf_release(&url);
	p->conf = *conf;
	p->conf.url = NULL;
	p->conf.basic_auth.username = copy(conf->basic_auth.username);
	p->conf.basic_auth.password_file = copy(conf->basic_auth.password_file);
	p->conf.tls.ca_file = copy(conf->tls.ca_file);
	p->conf.tls.cert_file = copy(conf->tls.cert_file);
	p->conf.tls.key_file = copy(conf->tls.key_file);
	if (p->url && *p->url)
		return p;
	post_free(p);
	return NULL;
}

void post_free(struct post *p)
{
	if (!p)
		return;
	if (p->handle)
		curl.easy_cleanup(p->handle);
	if (p->multi)
		curl.multi_cleanup(p->multi);
	if (p->headers)
		curl.slist_free_all(p->headers);
	free(p->conf.basic_auth.username);
	free(p->conf.basic_auth.password_file);
	free(p->conf.tls.ca_file);
	free(p->conf.tls.cert_file);
	free(p->conf.tls.key_file);
	free(p->url);
	free(p);
}

void post_excerpt(struct buf *out, const char *answer, size_t len)
{
	size_t n = 0;

	while (n < len && n < EXCERPT_BYTES && answer[n] != '\n' && answer[n] != '\r' && answer[n])
		n++;
	for (size_t i = 0; i < n; i++)
		buf_char(out, answer[i] >= ' ' && answer[i] < 127 ? answer[i] : '?');
}

static size_t header_read(char *data, size_t size, size_t cnt, void *ctx)
{
	struct post *p = ctx;

	(void)data;
	p->answer_len += size * cnt;
	return p->answer_len <= ANSWER_MAX_BYTES ? size * cnt : 0;
}

static size_t answer_read(char *data, size_t size, size_t cnt, void *ctx)
{
	struct post *p = ctx;
	size_t len = size * cnt, room = sizeof(p->kept) - p->kept_len;

	memcpy(p->kept + p->kept_len, data, len < room ? len : room);
	p->kept_len += len < room ? len : room;
	return header_read(data, size, cnt, ctx);
}

/* The password is the first line of its file, read each time: it changes without a reload. */
static int password_set(struct post *p)
{
	const char *path = p->conf.basic_auth.password_file;
	char password[PASSWORD_MAX + 1];
	int fd = regular_open(path, PASSWORD_MAX);
	ssize_t len;

	if (fd < 0)
		return fd;
	len = read(fd, password, PASSWORD_MAX);
	close(fd);
	if (len < 0)
		return -errno;
	password[len] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	curl.easy_setopt(p->handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl.easy_setopt(p->handle, CURLOPT_USERNAME, p->conf.basic_auth.username);
	curl.easy_setopt(p->handle, CURLOPT_PASSWORD, password);
	explicit_bzero(password, sizeof(password));
	return 0;
}

static void tls_set(struct post *p)
{
	const struct http_target *c = &p->conf;

	if (c->tls.ca_file)
		curl.easy_setopt(p->handle, CURLOPT_CAINFO, c->tls.ca_file);
	if (c->tls.cert_file)
		curl.easy_setopt(p->handle, CURLOPT_SSLCERT, c->tls.cert_file);
	if (c->tls.key_file)
		curl.easy_setopt(p->handle, CURLOPT_SSLKEY, c->tls.key_file);
	if (c->tls.insecure_skip_verify) {
		curl.easy_setopt(p->handle, CURLOPT_SSL_VERIFYPEER, 0L);
		curl.easy_setopt(p->handle, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void request_set(struct post *p, const struct buf *json)
{
	char agent[64];

	snprintf(agent, sizeof(agent), "seismo/%s", version);
	curl.easy_reset(p->handle); /* but its connection */
	curl.easy_setopt(p->handle, CURLOPT_URL, p->url);
	curl.easy_setopt(p->handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(p->handle, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl.easy_setopt(p->handle, CURLOPT_USERAGENT, agent);
	curl.easy_setopt(p->handle, CURLOPT_HTTPHEADER, p->headers);
	curl.easy_setopt(p->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json->len);
	curl.easy_setopt(p->handle, CURLOPT_POSTFIELDS, json->data);
	curl.easy_setopt(p->handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl.easy_setopt(p->handle, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(p->handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl.easy_setopt(p->handle, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl.easy_setopt(p->handle, CURLOPT_HEADERFUNCTION, header_read);
	curl.easy_setopt(p->handle, CURLOPT_HEADERDATA, p);
	curl.easy_setopt(p->handle, CURLOPT_WRITEFUNCTION, answer_read);
	curl.easy_setopt(p->handle, CURLOPT_WRITEDATA, p);
	/* The end does not wait for a DNS server that does not answer. */
	curl.easy_setopt(p->handle, CURLOPT_QUICK_EXIT, 1L);
	tls_set(p);
}

static struct curl_slist *headers_make(void)
{
	struct curl_slist *first = curl.slist_append(NULL, "Content-Type: application/json");
	/* no round trip to ask whether the body may come */
	struct curl_slist *both = first ? curl.slist_append(first, "Expect:") : NULL;

	if (!both)
		curl.slist_free_all(first);
	return both;
}

static bool handle_make(struct post *p)
{
	pthread_once(&curl_once, curl_load);
	if (!curl_loaded)
		return false;
	p->headers = p->headers ?: headers_make();
	p->multi = p->multi ?: curl.multi_init();
	p->handle = p->handle ?: curl.easy_init();
	return p->headers && p->multi && p->handle;
}

/* Until it is through, or the target is to end. */
static CURLcode perform(struct post *p, const atomic_bool *ending)
{
	CURLcode result = CURLE_ABORTED_BY_CALLBACK;
	int running = 1, left;
	CURLMsg *message;

	if (curl.multi_add_handle(p->multi, p->handle))
		return CURLE_OUT_OF_MEMORY;
	while (running && !*ending && !curl.multi_perform(p->multi, &running))
		if (running)
			curl.multi_poll(p->multi, NULL, 0, POLL_MS, NULL);
	while ((message = curl.multi_info_read(p->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			result = message->data.result;
	curl.multi_remove_handle(p->multi, p->handle);
	return result;
}

static enum send_result answer_judge(struct post *p, struct sending *s)
{
	long status = 0;

	curl.easy_getinfo(p->handle, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 200 && status < 300)
		return SEND_OK;
	buf_printf(&s->error, "it answers with status %ld%s", status,
		   status >= 300 && status < 400 ? ", and redirects are not followed" : "");
	if (p->kept_len)
		buf_str(&s->error, ": ");
	post_excerpt(&s->error, p->kept, p->kept_len);
	/* Others, such as 401 and 404, end when somebody has put it right. */
	return status == 400 || status == 413 || status == 422 ? SEND_REFUSED : SEND_RETRY;
}

enum send_result post_send(struct post *p, const struct buf *json, struct sending *s)
{
	CURLcode code;
	int err;

	if (json->failed) {
		buf_str(&s->error, "out of memory");
		return SEND_RETRY;
	}
	if (!handle_make(p)) {
		buf_str(&s->error, "libcurl cannot be loaded (Debian's package libcurl4)");
		return SEND_RETRY;
	}
	request_set(p, json);
	err = p->conf.basic_auth.password_file ? password_set(p) : 0;
	if (err) {
		buf_printf(&s->error, "cannot read %s: %s", p->conf.basic_auth.password_file,
			   strerror(-err));
		return SEND_RETRY;
	}
	p->kept_len = p->answer_len = 0;
	code = perform(p, s->ending);
	/* What is longer than an answer has to be is not read to its end. */
	if (!code || (code == CURLE_WRITE_ERROR && p->answer_len > ANSWER_MAX_BYTES))
		return answer_judge(p, s);
	buf_str(&s->error, curl.easy_strerror(code));
	return SEND_RETRY;
}
