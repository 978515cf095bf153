// SPDX-License-Identifier: BSD-3-Clause
#include "service/container.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "service/name.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define UID "12345678-9abc-def0-1234-56789abcdef0"

static char root[] = "/tmp/container_test.XXXXXX";

#define DOCKER	   "/var/lib/docker/containers/" ID "/config.v2.json"
#define CONTAINERD "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json"
#define NERDCTL	   "/run/containerd/io.containerd.runtime.v2.task/default/" ID "/config.json"
#define STORAGE	   "/var/lib/containers/storage/overlay-containers/"
#define CRIO	   STORAGE ID "/userdata/config.json"
#define PODMAN	   STORAGE "containers.json"

static void folders_make(char *path)
{
	for (char *c = path + 1; (c = strchr(c, '/')); c++) {
		*c = '\0';
		mkdir(path, 0700);
		*c = '/';
	}
}

static void file_make(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s%s", root, name);
	folders_make(path);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static int entry_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

static int root_clear(void **state)
{
	(void)state;
	return nftw(root, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static int root_make(void **state)
{
	(void)state;
	return mkdtemp(root) ? 0 : -1;
}

static int root_remove(void **state)
{
	return root_clear(state) ? -1 : rmdir(root);
}

static const char *name_of(const char *cgroup)
{
	static char name[600];
	struct service_facts f = {
		.cgroups = { cgroup },
		.cgroup_cnt = 1,
		.exe = "/p",
		.name = "",
		.command = "",
	};

	service_name(NULL, 0, &(struct lookups){ .root = root }, &f, name, sizeof(name));
	return name;
}

static void runtimes_test(void **state)
{
	static const struct {
		const char *file, *text, *name;
	} rows[] = {
		{ DOCKER, "{\"ID\":\"" ID "\",\"Name\":\"/web\",\"Config\":{\"Labels\":{}}}",
		  "web" },
		{ DOCKER,
		  "{\"Name\":\"/k8s_app_web-0_shop\",\"Config\":{\"Labels\":{"
		  "\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"shop\","
		  "\"io.kubernetes.container.name\":\"app\"}}}",
		  "shop/web" },
		{ CONTAINERD,
		  "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"web-5d4f8c7b96-x7k2p\","
		  "\"io.kubernetes.cri.sandbox-namespace\":\"shop\","
		  "\"io.kubernetes.cri.container-name\":\"app\"}}",
		  "shop/web" },
		{ NERDCTL, "{\"annotations\":{\"nerdctl/name\":\"cache\"}}", "cache" },
		{ CRIO,
		  "{\"annotations\":{\"io.kubernetes.pod.name\":\"db-0\","
		  "\"io.kubernetes.pod.namespace\":\"prod\"}}",
		  "prod/db" },
		{ PODMAN, "[{\"id\":\"x\"},{\"id\":\"" ID "\",\"names\":[\"proxy\",\"other\"]}]",
		  "proxy" },
		/* of no use */
		{ DOCKER, "", "0123456789ab" },
		{ DOCKER, "{\"Name\":", "0123456789ab" },
		{ DOCKER, "{\"Name\":5}", "0123456789ab" },
		{ DOCKER, "{\"Name\":\"/\"}", "0123456789ab" },
		{ DOCKER, "[\"Name\"]", "0123456789ab" },
		{ CONTAINERD, "{\"annotations\":[]}", "0123456789ab" },
		{ CONTAINERD, "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"a\"}}",
		  "0123456789ab" },
		{ PODMAN, "[{\"id\":\"" ID "\",\"names\":[]}]", "0123456789ab" },
		{ PODMAN, "[{\"id\":\"" ID "\"}]", "0123456789ab" },
		{ PODMAN, "[5,null]", "0123456789ab" },
		{ DOCKER, "{\"Name\":\"/a\\\"b\\\\\\nc\"}", "a\"b\\\nc" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(root_clear(state), 0);
		file_make(rows[i].file, rows[i].text);
		if (strcmp(name_of("/docker/" ID), rows[i].name))
			fail_msg("%s: '%s', not '%s'", rows[i].text, name_of("/docker/" ID),
				 rows[i].name);
	}
}

/* Podman's bundle is there but does not name the container. */
static void podman_test(void **state)
{
	(void)state;
	file_make(CRIO, "{\"annotations\":{\"io.container.manager\":\"libpod\"}}");
	file_make(PODMAN, "[{\"id\":\"" ID "\",\"names\":[\"proxy\"]}]");
	assert_string_equal(name_of("/machine.slice/libpod-" ID ".scope/container"), "proxy");
}

static void pod_test(void **state)
{
	static const struct {
		const char *pod, *owner;
	} rows[] = {
		{ "web-5d4f8c7b96-x7k2p", "web" },
		{ "my-web-app-7f9b8c6d5-zzzzz", "my-web-app" },
		{ "kube-proxy-x7k2p", "kube-proxy" },
		{ "backup-28945620-x7k2p", "backup" },
		{ "backup-28910333-x7k2p", "backup" },
		{ "db-0", "db" },
		{ "db-12", "db" },
		{ "cluster-db-1-0", "cluster-db-1" },
		{ "plain", "plain" },
		{ "my-cache", "my-cache" },
		{ "my-proxy", "my-proxy" },
		{ "kube-apiserver-node1", "kube-apiserver-node1" },
		{ "x7k2p", "x7k2p" },
		{ "-0", "-0" },
		{ "0", "0" },
		{ "-x7k2p", "-x7k2p" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[512], name[512];

		assert_int_equal(root_clear(state), 0);
		snprintf(path, sizeof(path), "/var/log/pods/shop_%s_" UID "/x", rows[i].pod);
		snprintf(name, sizeof(name), "shop/%s", rows[i].owner);
		file_make("/var/log/pods/shop_other_22345678-9abc-def0-1234-56789abcdef0/x", "");
		file_make(path, "");
		if (strcmp(name_of("/kubepods/burstable/pod" UID "/" ID), name))
			fail_msg("%s: %s", rows[i].pod, name_of("/kubepods/pod" UID));
	}
}

/* Without its log folder a pod is told by one of its containers, and otherwise not at all. */
static void pod_container_test(void **state)
{
	static const char path[] =
		"/kubepods.slice/kubepods-pod12345678_9abc_def0_1234_56789abcdef0.slice"
		"/cri-containerd-" ID ".scope";

	(void)state;
	assert_string_equal(name_of(path), "pod/" UID);
	file_make(CONTAINERD, "{\"annotations\":{\"io.kubernetes.cri.sandbox-name\":\"web-x7k2p\","
			      "\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}");
	assert_string_equal(name_of(path), "shop/web");
}

static void hostile_test(void **state)
{
	static const char *const names[] = {
		"_",	  "__", "___",	  "_a_" UID,	       "a__" UID,
		"__" UID, UID,	"a_" UID, "shop_web_" UID "x", "shop_web_x" UID
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char path[256];

		snprintf(path, sizeof(path), "/var/log/pods/%s/x", names[i]);
		file_make(path, "");
	}
	assert_string_equal(name_of("/kubepods/pod" UID), "pod/" UID);
}

/* A file that is too large is not read to its end, one that is no file not at all. */
static void file_test(void **state)
{
	char path[512], *text = malloc((2 << 20) + 64);
	int len;

	(void)state;
	assert_non_null(text);
	len = sprintf(text, "{\"Name\":\"/web\",\"x\":\"");
	memset(text + len, 'x', 2 << 20);
	strcpy(text + len + (2 << 20), "\"}");
	file_make(DOCKER, text);
	free(text);
	assert_string_equal(name_of("/docker/" ID), "0123456789ab");
	snprintf(path, sizeof(path), "%s" DOCKER, root);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_string_equal(name_of("/docker/" ID), "0123456789ab");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_string_equal(name_of("/docker/" ID), "0123456789ab");
}

static void valid_test(void **state)
{
	(void)state;
	assert_true(container_id_valid(ID, strlen(ID)));
	assert_false(container_id_valid(ID, 63));
	assert_false(container_id_valid(
		"../../../../../../../../../../../../../../../../../../../etc/pass", 64));
	assert_false(container_id_valid("", 64));
	assert_true(pod_uid_valid(UID));
	assert_true(pod_uid_valid("0123456789abcdef0123456789abcdef"));
	assert_false(pod_uid_valid("0123456789abcdef-0123456789abcde"));
	assert_false(pod_uid_valid(""));
	assert_false(pod_uid_valid("../45678-9abc-def0-1234-56789abcdef0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(runtimes_test, root_clear),
		cmocka_unit_test_setup(podman_test, root_clear),
		cmocka_unit_test_setup(pod_test, root_clear),
		cmocka_unit_test_setup(pod_container_test, root_clear),
		cmocka_unit_test_setup(hostile_test, root_clear),
		cmocka_unit_test_setup(file_test, root_clear),
		cmocka_unit_test(valid_test),
	};

	return cmocka_run_group_tests_name("container", tests, root_make, root_remove);
}
