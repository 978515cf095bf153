// SPDX-License-Identifier: BSD-3-Clause
#include "http/login.h"

#include <crypt.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "http/address.h"
#include "http/token_bucket.h"
#include "lib/log.h"
#include "lib/worker.h"

#define JOBS_MAX 16
#define KEY_SIZE 32
/* What was found out: of those who may come in not forgotten because of those who may not. */
#define KNOWN_MAX 128
/* From one address: so many wrong ones at a time, and one more after each of these times. */
#define WRONG_MAX   10
#define WRONG_NS    (2000 * NS_PER_MS)
#define ADDRESS_MAX 64
#define TELL_NS	    (10000 * NS_PER_MS)
#define NAME_SHOWN  64

struct known {
	unsigned char key[KEY_SIZE];
	uint64_t used_ns; /* 0: this place is free */
};

struct guesser {
	struct address address;
	struct token_bucket wrong; /* never used: the place is free */
};

struct check {
	struct job job;
	struct logins *logins;
	struct check *next;
	struct login_wait *waiting;
	struct guesser *from;
	unsigned char key[KEY_SIZE];
	char *hash, *password, *name;
	bool is_user, right;
};

struct logins {
	struct worker *worker;
	struct check *checks;
	struct known right[KNOWN_MAX], wrong[KNOWN_MAX];
	struct guesser guessers[ADDRESS_MAX];
	unsigned char secret[KEY_SIZE];
	uint64_t told_ns;
	unsigned untold;
};

struct logins *logins_new(struct loop *loop)
{
	struct logins *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->worker = worker_new(loop, JOBS_MAX);
	if (!l->worker || gnutls_rnd(GNUTLS_RND_KEY, l->secret, sizeof(l->secret))) {
		logins_free(l);
		errno = ENOMEM;
		return NULL;
	}
	return l;
}

void logins_free(struct logins *l)
{
	if (!l)
		return;
	worker_free(l->worker);
	explicit_bzero(l->secret, sizeof(l->secret));
	free(l);
}

/* --- what is known */

static struct known *known_find(struct known *table, const unsigned char *key)
{
	for (struct known *k = table; k < table + KNOWN_MAX; k++)
		if (k->used_ns && !memcmp(k->key, key, KEY_SIZE))
			return k;
	return NULL;
}

/* In place of the one that was not used for the longest time. */
static void known_add(struct known *table, const unsigned char *key)
{
	struct known *oldest = table;

	for (struct known *k = table; k < table + KNOWN_MAX; k++)
		if (k->used_ns < oldest->used_ns)
			oldest = k;
	memcpy(oldest->key, key, KEY_SIZE);
	oldest->used_ns = clock_now_ns();
}

static bool is_known(struct known *table, const unsigned char *key)
{
	struct known *k = known_find(table, key);

	if (k)
		k->used_ns = clock_now_ns();
	return k;
}

/* --- who may still be wrong */

/* Its place, or that of the one whose last wrong one is the longest ago. */
static struct guesser *guesser_find(struct logins *l, const struct sockaddr *from)
{
	struct guesser *oldest = l->guessers;
	const struct address address = address_of(from);

	for (struct guesser *g = l->guessers; g < l->guessers + ADDRESS_MAX; g++) {
		if (g->wrong.full_ns && address_equal(&g->address, &address))
			return g;
		if (g->wrong.full_ns < oldest->wrong.full_ns)
			oldest = g;
	}
	*oldest = (struct guesser){ .address = address };
	return oldest;
}

/* --- a check */

static const struct web_user *user_find(const struct web *web, const char *name)
{
	for (unsigned i = 0; i < web->user_cnt; i++)
		if (!strcmp(web->users[i].name, name))
			return &web->users[i];
	return NULL;
}

static void check_free(struct check *c)
{
	if (c->password)
		explicit_bzero(c->password, strlen(c->password));
	free(c->password);
	free(c->hash);
	free(c->name);
	free(c);
}

static bool text_equal(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !gnutls_memcmp(a, b, strlen(a));
}

static void check_work(struct job *job)
{
	struct check *c = (struct check *)job;
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash = data ? crypt_r(c->password, c->hash, data) : NULL;

	c->right = c->is_user && hash && text_equal(hash, c->hash);
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
}

static void wrong_tell(struct logins *l, const char *name)
{
	uint64_t now_ns = clock_now_ns();
	char shown[NAME_SHOWN + 1] = { 0 };

	if (l->told_ns && now_ns - l->told_ns < TELL_NS) {
		l->untold++;
		return;
	}
	strncpy(shown, name, NAME_SHOWN);
	for (char *c = shown; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
			*c = '?';
	log_warn(
		"a login as '%s' was refused: wrong name or password; %u more since this was said last",
		shown, l->untold);
	l->told_ns = now_ns;
	l->untold = 0;
}

static void check_done(struct job *job)
{
	struct check *c = (struct check *)job;
	struct logins *l = c->logins;
	struct login_wait *next;

	LL_DELETE(l->checks, c);
	if (!job->dropped) {
		known_add(c->right ? l->right : l->wrong, c->key);
		if (c->right) /* the place may be another address's by now, which gets a little more */
			tokens_give_back(&c->from->wrong, WRONG_NS);
		else
			wrong_tell(l, c->name);
	}
	for (struct login_wait *w = c->waiting; w; w = next) {
		next = w->next;
		w->done(w, c->right);
	}
	check_free(c);
}

/* Whose hash it is that a name is looked at with which is nobody's: always the same, and not to be foreseen. */
static const struct web_user *stand_in(const struct logins *l, const struct web *web,
				       const char *name)
{
	unsigned char digest[KEY_SIZE];
	unsigned n = 0;

	if (!gnutls_hmac_fast(GNUTLS_MAC_SHA256, l->secret, sizeof(l->secret), name, strlen(name),
			      digest))
		memcpy(&n, digest, sizeof(n));
	return &web->users[n % web->user_cnt];
}

/* Who is no user takes as long as one: hashes of users may differ in what they cost. */
static struct check *check_new(struct logins *l, const struct web *web, const char *name,
			       const char *password, const unsigned char *key)
{
	const struct web_user *user = user_find(web, name);
	struct check *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct check){
		.job = { .work = check_work, .done = check_done },
		.logins = l,
		.hash = strdup((user ?: stand_in(l, web, name))->hash),
		.password = strdup(password),
		.name = strdup(name),
		.is_user = user,
	};
	memcpy(c->key, key, KEY_SIZE);
	if (c->hash && c->password && c->name)
		return c;
	check_free(c);
	return NULL;
}

static enum login check_begin(struct logins *l, struct check *c, const struct sockaddr *from,
			      struct login_wait *wait)
{
	if (!c)
		return LOGIN_LATER;
	c->from = guesser_find(l, from);
	/* before it is known whether it is wrong: many at once must not get through */
	if (!tokens_take(&c->from->wrong, WRONG_NS, WRONG_MAX)) {
		check_free(c);
		return LOGIN_LATER;
	}
	if (worker_add(l->worker, &c->job)) {
		tokens_give_back(&c->from->wrong, WRONG_NS);
		check_free(c);
		return LOGIN_LATER;
	}
	wait->next = NULL;
	c->waiting = wait;
	LL_PREPEND(l->checks, c);
	return LOGIN_PENDING;
}

/* --- what was sent */

/* NAME:PASSWORD without NUL bytes, in one allocation; NULL: it is something else. */
static char *basic_decode(const char *authorization)
{
	static const char scheme[] = "Basic ";
	gnutls_datum_t base64, plain = { 0 };
	char *text = NULL;

	if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	authorization += sizeof(scheme) - 1;
	authorization += strspn(authorization, " ");
	base64 =
		(gnutls_datum_t){ (unsigned char *)authorization, (unsigned)strlen(authorization) };
	if (!base64.size || gnutls_base64_decode2(&base64, &plain))
		return NULL;
	if (!memchr(plain.data, 0, plain.size) && memchr(plain.data, ':', plain.size))
		text = strndup((const char *)plain.data, plain.size);
	explicit_bzero(plain.data, plain.size);
	gnutls_free(plain.data);
	return text;
}

/* With the user's hash in it: what was known of an older password is of no use. */
static bool key_make(const struct logins *l, const char *name, const char *password,
		     const struct web_user *user, unsigned char *key)
{
	gnutls_hmac_hd_t h;

	if (gnutls_hmac_init(&h, GNUTLS_MAC_SHA256, l->secret, sizeof(l->secret)))
		return false;
	gnutls_hmac(h, name, strlen(name) + 1);
	gnutls_hmac(h, password, strlen(password) + 1);
	if (user)
		gnutls_hmac(h, user->hash, strlen(user->hash));
	gnutls_hmac_deinit(h, key);
	return true;
}

static enum login text_check(struct logins *l, const struct web *web, char *text,
			     const struct sockaddr *from, struct login_wait *wait)
{
	char *password = strchr(text, ':') + 1;
	unsigned char key[KEY_SIZE];
	struct check *c;

	password[-1] = '\0';
	if (!key_make(l, text, password, user_find(web, text), key))
		return LOGIN_LATER;
	if (is_known(l->right, key))
		return LOGIN_RIGHT;
	if (is_known(l->wrong, key))
		return LOGIN_WRONG;
	for (c = l->checks; c; c = c->next) {
		if (memcmp(c->key, key, KEY_SIZE) != 0)
			continue;
		wait->next = c->waiting;
		c->waiting = wait;
		return LOGIN_PENDING;
	}
	return check_begin(l, check_new(l, web, text, password, key), from, wait);
}

enum login logins_check(struct logins *l, const struct web *web, const char *authorization,
			const struct sockaddr *from, struct login_wait *wait)
{
	char *text = basic_decode(authorization);
	size_t len = text ? strlen(text) : 0;
	enum login login = LOGIN_WRONG;

	if (text) {
		login = text_check(l, web, text, from, wait);
		explicit_bzero(text, len);
	}
	free(text);
	return login;
}
