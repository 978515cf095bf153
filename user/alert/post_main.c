// SPDX-License-Identifier: BSD-3-Clause
/*
 * A process that posts one message and ends: it reads what others answer, in a sandbox. libcurl, which brings twenty libraries
 * with it, is here alone.
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "alert/post.h"
#include "alert/post_message.h"
#include "lib/log.h"
#include "lib/sandbox.h"
#include "lib/version.h"

#define ANSWER_MAX_BYTES (64 * 1024) /* with its header */
#define TIMEOUT_MS	 10000L
#define CONNECT_MS	 5000L

#define CURL_FUNCTIONS(X) \
	X(global_init)    \
	X(easy_init)      \
	X(easy_setopt)    \
	X(easy_getinfo)   \
	X(easy_perform)   \
	X(easy_strerror)  \
	X(slist_append)

static struct {
#define X(name) __typeof__(curl_##name) *name;
	CURL_FUNCTIONS(X)
#undef X
} curl;

static bool curl_load(void)
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
			return false;
		memcpy(functions[i].to, &function, sizeof(function));
	}
	return lib && !curl.global_init(CURL_GLOBAL_DEFAULT);
}

struct posting {
	struct post_request request;
	char *data; /* what follows it */
	CURL *handle;
	struct post_result result;
	size_t answer_len;
};

static size_t header_read(char *data, size_t size, size_t cnt, void *ctx)
{
	struct posting *p = ctx;

	(void)data;
	p->answer_len += size * cnt;
	return p->answer_len <= ANSWER_MAX_BYTES ? size * cnt : 0;
}

static size_t answer_read(char *data, size_t size, size_t cnt, void *ctx)
{
	struct posting *p = ctx;
	size_t len = size * cnt, room = sizeof(p->result.answer) - p->result.len;

	memcpy(p->result.answer + p->result.len, data, len < room ? len : room);
	p->result.len += (uint32_t)(len < room ? len : room);
	return header_read(data, size, cnt, ctx);
}

static bool read_all(void *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(STDIN_FILENO, (char *)to + done, len - done);

		if (n <= 0 && !(n < 0 && errno == EINTR))
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* The parts have a NUL behind each. */
static bool request_read(struct posting *p)
{
	size_t len = 0;

	if (!read_all(&p->request, sizeof(p->request)))
		return false;
	for (int i = 0; i < POST_PARTS; i++)
		len += p->request.len[i] + 1;
	p->data = malloc(len);
	return p->data && read_all(p->data, len);
}

/* NULL: there is none. */
static char *part_of(const struct posting *p, enum post_part part)
{
	char *data = p->data;

	for (int i = 0; i < (int)part; i++)
		data += p->request.len[i] + 1;
	return p->request.len[part] ? data : NULL;
}

/* The library wants a file: one in memory, whose name stays. */
static void file_set(const struct posting *p, enum post_part part, CURLoption option)
{
	const char *pem = part_of(p, part);
	size_t len = p->request.len[part];
	char path[32];
	int fd;

	if (!pem)
		return;
	fd = memfd_create("pem", MFD_CLOEXEC);
	if (fd < 0 || write(fd, pem, len) != (ssize_t)len)
		return; /* the library says that there is nothing in it */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	curl.easy_setopt(p->handle, option, path);
}

static void tls_set(const struct posting *p)
{
	file_set(p, POST_CA, CURLOPT_CAINFO);
	file_set(p, POST_CERT, CURLOPT_SSLCERT);
	file_set(p, POST_KEY, CURLOPT_SSLKEY);
	if (p->request.insecure) {
		curl.easy_setopt(p->handle, CURLOPT_SSL_VERIFYPEER, 0L);
		curl.easy_setopt(p->handle, CURLOPT_SSL_VERIFYHOST, 0L);
	}
}

static void user_set(const struct posting *p)
{
	if (!part_of(p, POST_USER))
		return;
	curl.easy_setopt(p->handle, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	curl.easy_setopt(p->handle, CURLOPT_USERNAME, part_of(p, POST_USER));
	curl.easy_setopt(p->handle, CURLOPT_PASSWORD, part_of(p, POST_PASSWORD) ?: "");
}

static bool handle_make(struct posting *p)
{
	struct curl_slist *headers;
	char agent[64];

	if (!curl_load() || !(p->handle = curl.easy_init()))
		return false;
	headers = curl.slist_append(NULL, "Content-Type: application/json");
	/* no round trip to ask whether the body may come */
	headers = headers ? curl.slist_append(headers, "Expect:") : NULL;
	snprintf(agent, sizeof(agent), "seismo/%s", version);
	curl.easy_setopt(p->handle, CURLOPT_URL, part_of(p, POST_URL));
	curl.easy_setopt(p->handle, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(p->handle, CURLOPT_PROXY, ""); /* whatever the environment says */
	curl.easy_setopt(p->handle, CURLOPT_USERAGENT, agent);
	curl.easy_setopt(p->handle, CURLOPT_HTTPHEADER, headers);
	curl.easy_setopt(p->handle, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)p->request.len[POST_BODY]);
	curl.easy_setopt(p->handle, CURLOPT_POSTFIELDS, part_of(p, POST_BODY));
	curl.easy_setopt(p->handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl.easy_setopt(p->handle, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(p->handle, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl.easy_setopt(p->handle, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl.easy_setopt(p->handle, CURLOPT_HEADERFUNCTION, header_read);
	curl.easy_setopt(p->handle, CURLOPT_HEADERDATA, p);
	curl.easy_setopt(p->handle, CURLOPT_WRITEFUNCTION, answer_read);
	curl.easy_setopt(p->handle, CURLOPT_WRITEDATA, p);
	user_set(p);
	tls_set(p);
	return headers;
}

/* For names of hosts, and certificates that are trusted on this machine. */
static const char *const readable[] = { "/etc/hosts",
					"/etc/host.conf",
					"/etc/nsswitch.conf",
					"/etc/resolv.conf",
					"/etc/gai.conf",
					"/etc/services",
					"/run/systemd/resolve",
					"/run/NetworkManager",
					"/run/resolvconf",
					"/run/connman",
					"/etc/ssl/certs",
					"/etc/ssl/openssl.cnf",
					"/usr/lib/ssl",
					"/usr/share/ca-certificates",
					"/usr/local/share/ca-certificates",
					"/etc/gnutls",
					"/etc/pki/tls",
					NULL };

static void post(struct posting *p)
{
	const struct landlock_left left = { readable, true };
	struct post_result *r = &p->result;
	const char *what = "read what to post", *error = NULL;
	long status = 0;
	CURLcode code;

	if (!request_read(p))
		error = "it cannot be told what to post";
	else if (!handle_make(p))
		error = "libcurl cannot be loaded (Debian's package libcurl4)";
	else if (sandbox_enter(&left, &what))
		error = what;
	if (!error) {
		code = curl.easy_perform(p->handle);
		curl.easy_getinfo(p->handle, CURLINFO_RESPONSE_CODE, &status);
		/* What is longer than an answer has to be is not read to its end. */
		if (code && !(code == CURLE_WRITE_ERROR && p->answer_len > ANSWER_MAX_BYTES))
			error = curl.easy_strerror(code);
	}
	if (error)
		snprintf(r->error, sizeof(r->error), "%s", error);
	else
		r->status = (uint32_t)status;
}

int post_main(void)
{
	static struct posting p;

	closefrom(STDERR_FILENO + 1);
	prctl(PR_SET_NAME, "seismo-post");
	post(&p);
	_exit(write(STDOUT_FILENO, &p.result, sizeof(p.result)) != sizeof(p.result));
}
