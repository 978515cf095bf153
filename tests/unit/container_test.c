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

#include "service/monitor.h"
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

/* Of a process of this container. */
static const char *name_of_process(const char *cgroup, u32 pid)
{
	static char name[600];
	struct service_facts f = {
		.pid = pid,
		.cgroups = { cgroup },
		.cgroup_cnt = 1,
		.exe = "/p",
		.name = "",
		.command = "",
	};

	service_name(NULL, 0, &(struct lookups){ .root = root }, &f, name, sizeof(name));
	return name;
}

static const char *name_of(const char *cgroup)
{
	return name_of_process(cgroup, 0);
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

#define USER "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope"

/* Runtimes keep their files where their configuration says. */
static void roots_test(void **state)
{
	static const char named[] = "[{\"id\":\"" ID "\",\"names\":[\"web\"]}]";
	static const char docker[] = "{\"Name\":\"/web\"}";
	static const char nerdctl[] = "{\"annotations\":{\"nerdctl/name\":\"web\"}}";
	static const struct {
		const char *config, *config_text, *file, *text, *cgroup;
	} rows[] = {
		{ "/etc/docker/daemon.json", "{\"debug\":true,\"data-root\":\"/srv/d k\"}",
		  "/srv/d k/containers/" ID "/config.v2.json", docker, "/docker/" ID },
		{ "/etc/docker/daemon.json", "{\"graph\":\"/srv/docker\"}",
		  "/srv/docker/containers/" ID "/config.v2.json", docker, "/docker/" ID },
		{ "/etc/containerd/config.toml",
		  "version = 2\nroot = '/r'\n  state='/srv/[state]' # here\n[grpc]\nstate = \"/no\"\n",
		  "/srv/[state]/io.containerd.runtime.v2.task/other/" ID "/config.json", nerdctl,
		  "/default/" ID },
		{ "/x", "",
		  "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json",
		  nerdctl, "/default/" ID },
		{ "/etc/containers/storage.conf",
		  "graphroot = \"/no\"\n[storage]\ndriver = \"vfs\"\n# graphroot = \"/no\"\n"
		  "graphroot = \"/srv/pods\"\n[storage.options]\ngraphroot = \"/no\"\n",
		  "/srv/pods/vfs-containers/containers.json", named,
		  "/machine.slice/libpod-" ID ".scope" },
		{ "/usr/share/containers/storage.conf", "[storage]\ngraphroot = \"/srv/pods\"\n",
		  "/srv/pods/overlay-containers/volatile-containers.json", named,
		  "/machine.slice/libpod-" ID ".scope" },
		{ "/x", "", "/var/lib/containers/storage/btrfs-containers/containers.json", named,
		  "/libpod_parent/libpod-" ID },
		{ "/etc/crio/crio.conf", "[crio]\nroot = \"/srv/crio\"\n",
		  "/srv/crio/overlay-containers/" ID "/userdata/config.json", nerdctl,
		  "/machine.slice/crio-" ID ".scope" },
		/* of users */
		{ "/etc/passwd", "root:x:0:0::/root:/bin/sh\nu:x:1000:1000:U:/home/u:/bin/sh\n",
		  "/home/u/.local/share/containers/storage/overlay-containers/containers.json",
		  named, USER },
		{ "/etc/containers/storage.conf",
		  "[storage]\nrootless_storage_path = \"/srv/pods/$UID/x\"\n",
		  "/srv/pods/1000/x/overlay-containers/containers.json", named, USER },
		{ "/x", "", "/run/user/1000/containers/overlay-containers/volatile-containers.json",
		  named, USER },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(root_clear(state), 0);
		file_make(rows[i].config, rows[i].config_text);
		file_make(rows[i].file, rows[i].text);
		if (strcmp(name_of(rows[i].cgroup), "web"))
			fail_msg("%s: '%s'", rows[i].file, name_of(rows[i].cgroup));
	}
}

/* Configurations that are of no use, and what a user may write into his own. */
static void odd_roots_test(void **state)
{
	static const char *const texts[] = { "",
					     "[",
					     "state",
					     "state =",
					     "state = \"",
					     "state = x",
					     "[storage",
					     "graphroot = \"x",
					     "[storage]\ngraphroot = 5" };
	static const char *const files[] = { "/etc/docker/daemon.json",
					     "/etc/containerd/config.toml",
					     "/etc/containers/storage.conf", "/etc/passwd" };

	for (size_t f = 0; f < sizeof(files) / sizeof(*files); f++)
		for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
			assert_int_equal(root_clear(state), 0);
			file_make(files[f], texts[i]);
			file_make(DOCKER, "{\"Name\":\"/web\"}");
			assert_string_equal(name_of("/user.slice/user-7.slice/docker-" ID ".scope"),
					    "web");
		}
}

static void link_make(const char *target, const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s%s", root, name);
	folders_make(path);
	assert_int_equal(symlink(target, path), 0);
}

/* What a process above the container's tells, wherever its runtime keeps its files. */
static void monitor_test(void **state)
{
	char args[512], id[CONTAINER_ID_LEN + 1];
	int len;
	FILE *f;

	file_make("/proc/30/stat", "30 (a) b) S 20 30 30");
	file_make("/proc/20/stat", "20 (runc) S 10 20 20");
	file_make("/proc/20/cmdline", "runc");
	file_make("/proc/10/stat", "10 (conmon) S 1 10 10");
	file_make("/proc/10/status", "Name:\tconmon\nUid:\t1000\t0\t0\t0\n");
	file_make("/proc/10/cmdline", "");
	snprintf(args, sizeof(args), "%s/proc/10/cmdline", root);
	f = fopen(args, "w");
	assert_non_null(f);
	len = sprintf(args, "/usr/bin/conmon%c-c%c%s%c-n%cweb%c-b%c/else/userdata%c", 0, 0, ID, 0,
		      0, 0, 0, 0);
	assert_int_equal(fwrite(args, 1, (size_t)len, f), len);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(name_of_process("/libpod_parent/libpod-" ID, 30), "0123456789ab");
	assert_false(monitor_container(root, 10, id));
	file_make("/proc/10/status", "Name:\tconmon\nUid:\t0\t0\t0\t0\n");
	assert_string_equal(name_of_process("/libpod_parent/libpod-" ID, 30), "web");
	assert_true(monitor_container(root, 10, id));
	assert_string_equal(id, ID);
	assert_false(monitor_container(root, 20, id));
	file_make("/else/userdata/config.json",
		  "{\"annotations\":{\"io.kubernetes.pod.name\":\"db-0\","
		  "\"io.kubernetes.pod.namespace\":\"prod\"}}");
	assert_string_equal(name_of_process("/libpod_parent/libpod-" ID, 30), "prod/db");
	assert_string_equal(name_of_process("/libpod_parent/libpod-" ID, 31), "0123456789ab");
	assert_int_equal(root_clear(state), 0);

	file_make("/proc/30/stat", "30 (nginx) S 9 30 30");
	file_make("/proc/9/stat", "9 (containerd-shim) S 1 9 9");
	file_make("/proc/9/status", "Name:\tshim\nUid:\t0\t0\t0\t0\n");
	file_make("/proc/9/cmdline", "/usr/bin/containerd-shim-runc-v2");
	link_make("/else/moby/" ID, "/proc/9/cwd");
	file_make(
		"/else/moby/" ID "/config.json",
		"{\"mounts\":[{\"source\":\"proc\"},{\"destination\":\"/etc/hostname\",\"source\":"
		"\"/srv/docker/containers/" ID "/hostname\"}]}");
	assert_string_equal(name_of_process("/docker/" ID, 30), "0123456789ab");
	file_make("/srv/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/cache\"}");
	assert_string_equal(name_of_process("/docker/" ID, 30), "cache");
}

/* Of another container, cut off, or of a number that another process has now. */
static void odd_monitor_test(void **state)
{
	static const struct {
		const char *args;
		size_t len;
		const char *name; /* NULL: of no container */
	} rows[] = {
		{ "conmon\0-c\0" ID "\0-n\0web", 10 + 65 + 7, "web" },
		{ "conmon\0--name\0web\0--cid\0" ID, 7 + 7 + 4 + 6 + 65, "web" },
		{ "conmon\0-c\0" ID, 10 + 65, "" },
		{ "conmon\0-c\0" ID "\0-n", 10 + 65 + 3, "" },
		{ "conmon\0-c\0x\0-n\0web", 19, NULL },
		{ "conmon\0-c", 10, NULL },
		{ "conmon", 7, NULL },
		{ "", 0, NULL },
	};
	struct monitor m;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(monitor_conmon(rows[i].args, rows[i].len, &m),
				 rows[i].name != NULL);
		assert_string_equal(m.name, rows[i].name ? rows[i].name : "");
		assert_string_equal(m.id, rows[i].name ? ID : "");
	}
	file_make("/proc/30/stat", "30 (x) S 30 30 30");
	assert_false(monitor_find(root, 30, ID, &m));
	file_make("/proc/30/stat", "30");
	assert_false(monitor_find(root, 30, ID, &m));
	assert_false(monitor_find(root, 0, ID, &m));
}

static void taken_names_test(void **state)
{
	(void)state;
	file_make(DOCKER, "{\"Name\":\"/other\"}");
	assert_string_equal(name_of("/docker/" ID), "container/other");
	assert_string_equal(name_of("/lxc.payload.kernel"), "container/kernel");
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
		cmocka_unit_test_setup(roots_test, root_clear),
		cmocka_unit_test_setup(odd_roots_test, root_clear),
		cmocka_unit_test_setup(monitor_test, root_clear),
		cmocka_unit_test_setup(odd_monitor_test, root_clear),
		cmocka_unit_test_setup(taken_names_test, root_clear),
		cmocka_unit_test_setup(file_test, root_clear),
		cmocka_unit_test(valid_test),
	};

	return cmocka_run_group_tests_name("container", tests, root_make, root_remove);
}
