/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mosixctl keygen and config check: what is there before any daemon runs. */
#include "cli/ctl.h"
#include "common/conf.h"
#include "common/key.h"
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

int ctl_keygen(struct ctl *ctl)
{
	const char *path = ctl->file ? ctl->file : CONF_KEY;
	struct err e = {0};

	if (ctl->argc)
		return ctl_usage("keygen takes no argument; -f FILE says where the key goes");
	if (key_create(path, &e) < 0)
		return ctl_fail(CTL_FAILED, &e);
	printf("New cluster key in %s. Copy it to every node over a safe way (scp -p); who has it "
	       "is root on all of them.\n",
	       path);
	return CTL_OK;
}

struct check {
	struct conf conf;
	bool conf_there;
	bool conf_good; /* understood, or not there and not asked for */
	struct map map;
	bool map_good;
	bool key_good;
	struct err problems[3];
	size_t problem_count;
};

static struct err *next_problem(struct check *k)
{
	return &k->problems[k->problem_count];
}

static void check_conf(struct check *k, const char *path, bool must_exist)
{
	int r;

	conf_init(&k->conf);
	r = conf_load(&k->conf, path, next_problem(k));
	k->conf_there = r >= 0;
	k->conf_good = r >= 0 || (r == -ENOENT && !must_exist);
	if (!k->conf_good)
		k->problem_count++;
}

static void check_map(struct check *k)
{
	if (map_load(&k->map, k->conf.map_path, next_problem(k)) < 0) {
		k->problem_count++;
		return;
	}
	k->map_good = true;
	if (k->conf.node && !map_by_number(&k->map, k->conf.node)) {
		err_set(next_problem(k), -ENOENT, "%s: node %u of [node] number is not in it",
			k->conf.map_path, k->conf.node);
		k->problem_count++;
	}
}

static void check_key(struct check *k)
{
	uint8_t key[KEY_SIZE];

	k->key_good = key_load(k->conf.key_path, key, next_problem(k)) >= 0;
	if (!k->key_good)
		k->problem_count++;
	explicit_bzero(key, sizeof(key));
}

static int check_json(const struct check *k, const char *path)
{
	json_t *o = json_object(), *problems = json_array();

	for (size_t i = 0; i < k->problem_count; i++)
		json_array_append_new(problems, ctl_json_str(k->problems[i].text));
	json_object_set_new(o, "config", k->conf_there ? ctl_json_str(path) : json_null());
	json_object_set_new(o, "map", ctl_json_str(k->conf.map_path));
	json_object_set_new(o, "key", ctl_json_str(k->conf.key_path));
	json_object_set_new(o, "nodes", json_integer(k->map.count));
	json_object_set_new(o, "node", json_integer(k->conf.node));
	json_object_set_new(o, "port", json_integer(k->conf.port));
	json_object_set_new(o, "ok", json_boolean(!k->problem_count));
	json_object_set_new(o, "problems", problems);
	return ctl_json_print(o);
}

static void print_map(const struct check *k)
{
	printf("%s: %u nodes\n", k->conf.map_path, k->map.count);
	for (uint32_t i = 0; i < k->map.count; i++) {
		const struct map_node *n = &k->map.nodes[i];
		char addr[INET_ADDRSTRLEN] = "?";

		inet_ntop(AF_INET, &n->addr, addr, sizeof(addr));
		printf("  %5u  %-15s  %s\n", n->number, addr, n->name);
	}
}

static void print_conf(const struct check *k, const char *path)
{
	printf(k->conf_there ? "%s: ok\n" : "%s: not there, the defaults apply\n", path);
	if (k->conf.node)
		printf("  node %u", k->conf.node);
	else
		printf("  node number by own address");
	printf(", port %u, at most %u guests\n", k->conf.port, k->conf.guests_max);
}

static void check_print(const struct check *k, const char *path)
{
	if (k->conf_good)
		print_conf(k, path);
	if (k->map_good)
		print_map(k);
	if (k->key_good)
		printf("%s: ok\n", k->conf.key_path);
	fflush(stdout);
	for (size_t i = 0; i < k->problem_count; i++)
		fprintf(stderr, "mosixctl: %s\n", k->problems[i].text);
}

int ctl_config(struct ctl *ctl)
{
	const char *path = ctl->argc > 1 ? ctl->argv[1] : CONF_FILE;
	struct check k = {0};
	int status;

	if (ctl->argc < 1 || ctl->argc > 2 || strcmp(ctl->argv[0], "check") != 0)
		return ctl_usage("config can only 'check [FILE]'");
	check_conf(&k, path, ctl->argc > 1);
	/* Only of a file that was understood it is known where the others are. */
	if (k.conf_good) {
		check_map(&k);
		check_key(&k);
	}
	status = k.problem_count ? CTL_FAILED : CTL_OK;
	if (!ctl->json)
		check_print(&k, path);
	else if (check_json(&k, path))
		status = CTL_FAILED;
	map_done(&k.map);
	return status;
}
