// SPDX-License-Identifier: BSD-3-Clause
#include "http/client.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <utlist.h>

#include "http/payload.h"
#include "http/tunnel.h"

static time_t now_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

static void enlist(struct client *c)
{
	DL_APPEND(c->list->first, c);
	c->list->cnt++;
	c->last_request = now_seconds();
}

static void delist(struct client *c)
{
	DL_DELETE(c->list->first, c);
	c->list->cnt--;
}

struct client *client_new(struct client_list *list, const struct sockaddr_storage *address)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->list = list;
	c->address = *address;
	enlist(c);
	return c;
}

void client_free(struct client *c)
{
	if (!c)
		return;
	client_set_body(c, NULL);
	if (c->tunnel)
		tunnel_leave(c->tunnel);
	if (!c->evicted)
		delist(c);
	free(c);
}

void client_touch(struct client *c)
{
	delist(c);
	enlist(c);
}

void client_set_body(struct client *c, struct body *body)
{
	if (body) {
		body->refs++;
		*c->list->big_cnt += !body->clients++ && body_is_big(body);
	}
	if (c->body) {
		*c->list->big_cnt -= !--c->body->clients && body_is_big(c->body);
		body_unref(c->body);
	}
	c->body = body;
}

/* The library sees the end of the connection and cleans up in its next round. */
void client_evict(struct client *c)
{
	delist(c);
	client_set_body(c, NULL);
	c->evicted = true;
	if (c->tunnel)
		tunnel_end(c->tunnel);
	else
		shutdown(c->fd, SHUT_RDWR);
}

void client_list_make_room(struct client_list *list)
{
	while (list->cnt >= list->max && list->first)
		client_evict(list->first);
}

const struct body *client_list_slow(const struct client_list *list, time_t seconds)
{
	time_t now = now_seconds();
	const struct client *c;

	DL_FOREACH(list->first, c)
	if (c->body && body_is_big(c->body) && now - c->last_request >= seconds)
		return c->body;
	return NULL;
}

void client_list_evict(struct client_list *list, const struct body *body)
{
	struct client *c, *next;

	DL_FOREACH_SAFE(list->first, c, next)
	if (c->body == body)
		client_evict(c);
}
