// SPDX-License-Identifier: BSD-3-Clause
#include "collect/arrivals.h"

#include <bpf/libbpf.h>
#include <stdlib.h>
#include <string.h>

#include "collect/identity.h"
#include "service/monitor.h"

struct arrivals {
	struct identities *identities;
	struct ring_buffer *ring;
};

static void identity_arrived(struct identities *t, u32 id)
{
	const struct identity *row = table_row(&t->tables->identities, id);

	if (row && __atomic_load_n(&t->tables->states[id].live, __ATOMIC_ACQUIRE))
		identity_look_up(row, &t->lookups);
}

/* It is there some time before the container's first process, and knows its name. */
static void monitor_arrived(struct identities *t, u32 pid)
{
	const struct container_hint hint = { .pid = pid };
	char id[CONTAINER_ID_LEN + 1];
	struct container container;

	if (monitor_container(t->lookups.root, pid, id))
		lookups_container(&t->lookups, id, &hint, &container);
}

static int arrival(void *ctx, void *data, size_t size)
{
	struct arrival a;

	if (size < sizeof(a))
		return 0;
	memcpy(&a, data, sizeof(a));
	if (a.identity)
		identity_arrived(ctx, a.identity);
	else
		monitor_arrived(ctx, a.monitor);
	return 0;
}

struct arrivals *arrivals_new(struct identities *identities)
{
	int fd = tables_fd(identities->tables, "arrivals");
	struct arrivals *a = fd < 0 ? NULL : calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->identities = identities;
	a->ring = ring_buffer__new(fd, arrival, identities, NULL);
	if (a->ring)
		return a;
	free(a);
	return NULL;
}

void arrivals_free(struct arrivals *a)
{
	if (!a)
		return;
	ring_buffer__free(a->ring);
	free(a);
}

int arrivals_fd(const struct arrivals *a)
{
	return ring_buffer__epoll_fd(a->ring);
}

void arrivals_read(struct arrivals *a, u64 now_ns)
{
	identities_set_now(a->identities, now_ns);
	ring_buffer__consume(a->ring);
}
