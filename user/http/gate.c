// SPDX-License-Identifier: BSD-3-Clause
#include "http/gate.h"

#include <string.h>
#include <utlist.h>

/* --- what is in effect */

bool gate_set(struct gate *g, struct secure *secure)
{
	if (secure && secure->web->user_cnt && !g->logins && !(g->logins = logins_new(g->loop)))
		return false;
	if (g->secure)
		LL_PREPEND(g->before, g->secure);
	g->secure = secure;
	g->rate = (struct token_bucket){ 0 };
	g->version++;
	return true;
}

bool gate_has_tls(const struct gate *g)
{
	return g->secure && g->secure->credentials;
}

void gate_begin(struct gate *g, struct client *c)
{
	c->secure = g->secure;
	c->secure->users++;
}

void gate_end(struct gate *g, struct client *c)
{
	(void)g;
	if (c->secure)
		c->secure->users--;
	c->secure = NULL;
}

void gate_sweep(struct gate *g)
{
	struct secure *s, *next;

	LL_FOREACH_SAFE(g->before, s, next)
	{
		if (s->users)
			continue;
		LL_DELETE(g->before, s);
		secure_free(s);
	}
}

bool gate_is_stale(const struct gate *g, const struct client *c)
{
	return c->secure && c->secure != g->secure;
}

void gate_close(struct gate *g)
{
	logins_free(g->logins);
	g->logins = NULL;
}

void gate_release(struct gate *g)
{
	if (g->secure)
		LL_PREPEND(g->before, g->secure);
	g->secure = NULL;
	gate_sweep(g);
}

/* --- requests */

void gate_refuse(struct http_reply *reply)
{
	http_reply_fail(reply, MHD_HTTP_UNAUTHORIZED, "a name and a password are needed");
}

/*
 * Has it the TLS, and the trust in clients' certificates, that is in effect now? Where only the server's certificate is another one
 * nobody fails because of that.
 */
static bool is_of_now(const struct gate *g, const struct client *c)
{
	if (!gate_is_stale(g, c))
		return c->secure || !c->list->tcp || !gate_has_tls(g);
	return gate_has_tls(g) && secure_same_clients(c->secure, g->secure);
}

static bool is_excluded(const struct web *web, const char *path)
{
	for (char *const *excluded = web->excluded; excluded && *excluded; excluded++)
		if (!strcmp(*excluded, path))
			return true;
	return false;
}

static enum gate_answer login(struct gate *g, struct client *c, struct MHD_Connection *connection,
			      struct http_reply *reply)
{
	const struct sockaddr *from = (const struct sockaddr *)&c->address;
	const char *authorization =
		MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");

	switch (logins_check(g->logins, g->secure->web, authorization, from, &c->wait)) {
	case LOGIN_RIGHT:
		c->trusted = true;
		return GATE_OPEN;
	case LOGIN_PENDING:
		return GATE_WAIT;
	case LOGIN_LATER:
		http_reply_fail(reply, MHD_HTTP_TOO_MANY_REQUESTS, "too many logins");
		return GATE_REFUSE;
	default:
		gate_refuse(reply);
		return GATE_REFUSE;
	}
}

enum gate_answer gate_enter(struct gate *g, struct client *c, struct MHD_Connection *connection,
			    const char *path, struct http_reply *reply)
{
	const struct web *web = g->secure ? g->secure->web : NULL;

	c->trusted = false;
	if (!is_of_now(g, c))
		return GATE_CLOSE;
	if (!web)
		return GATE_OPEN;
	if (web->rate.interval_ns &&
	    !tokens_take(&g->rate, web->rate.interval_ns, web->rate.burst)) {
		http_reply_fail(reply, MHD_HTTP_TOO_MANY_REQUESTS, "too many requests");
		return GATE_REFUSE;
	}
	if (web->user_cnt)
		return is_excluded(web, path) ? GATE_OPEN : login(g, c, connection, reply);
	c->trusted = c->verified;
	return GATE_OPEN;
}
