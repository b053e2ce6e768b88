/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The speed of a CPU here: measured at the first start, or an administrator's word; both kept. */
#include "daemon/sample_priv.h"

#include "common/cleanup.h"
#include "common/conf.h"
#include "common/fd.h"
#include "common/log.h"
#include "daemon/mosixd.h"
#include "daemon/spawn.h"
#include "daemon/speed.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_NAME CONF_STATE "/speed"

uint32_t sample_speed(const struct mosixd *d)
{
	const struct sample_speed *s = &d->sample->speed;

	return s->set ? s->set : s->measured ? s->measured : SPEED_STANDARD;
}

static bool is_valid(uint32_t speed)
{
	return speed >= SPEED_MIN && speed <= SPEED_MAX;
}

static void load(struct sample_speed *s)
{
	_cleanup_free_ char *text = NULL;
	uint32_t measured = 0, set = 0;

	if (file_read_at(AT_FDCWD, FILE_NAME, 256, &text, NULL) < 0)
		return;
	if (sscanf(text, "measured %u set %u", &measured, &set) < 1)
		log_warn("%s cannot be read; the speed is measured again", FILE_NAME);
	s->measured = is_valid(measured) ? measured : 0;
	s->set = is_valid(set) ? set : 0;
}

static int save(const struct sample_speed *s)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "measured %u\nset %u\n", s->measured, s->set);

	return file_replace_at(AT_FDCWD, FILE_NAME, text, (size_t)n, 0644);
}

static void on_died(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct sample_speed *s = w->data;
	unsigned int speed = 0;
	char text[32];
	ssize_t n = read(s->fd, text, sizeof(text) - 1);

	(void)revents;
	ev_io_stop(loop, w);
	process_reap(&s->process);
	process_close(&s->process);
	s->fd = fd_close(s->fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%u", &speed) != 1 || !is_valid(speed)) {
		log_warn("The speed of this node could not be measured; %u is assumed",
			 SPEED_STANDARD);
		return;
	}
	s->measured = speed;
	log_info("Speed of a CPU: %u (%u is the standard)", speed, SPEED_STANDARD);
	if (save(s) < 0)
		log_warn("Cannot write %s; the next start measures again", FILE_NAME);
}

static int measure(struct sample_speed *s)
{
	static const char *const argv[] = {LIBEXECDIR "/mosix-speed", NULL};
	char cgroup[CGROUP_PATH_MAX + 16];
	struct spawn sp = {.argv = argv, .cgroup = cgroup};
	int fds[2], r;

	snprintf(cgroup, sizeof(cgroup), "%s/guests", s->d->cgroup);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	sp.fd = fds[1];
	r = spawn_process(&s->process, &sp);
	fd_close(fds[1]);
	if (r < 0) {
		fd_close(fds[0]);
		return r;
	}
	s->fd = fds[0];
	ev_io_set(&s->died, s->process.pidfd, EV_READ);
	ev_io_start(s->d->loop, &s->died);
	return 0;
}

void sample_speed_init(struct mosixd *d)
{
	struct sample_speed *s = &d->sample->speed;

	s->d = d;
	s->fd = s->process.pidfd = -1;
	ev_io_init(&s->died, on_died, -1, EV_READ);
	s->died.data = s;
	load(s);
	if (!s->measured && measure(s) < 0)
		log_warn("The speed of this node cannot be measured; %u is assumed",
			 SPEED_STANDARD);
}

void sample_speed_free(struct mosixd *d)
{
	struct sample_speed *s = &d->sample->speed;

	ev_io_stop(d->loop, &s->died);
	process_close(&s->process);
	s->fd = fd_close(s->fd);
}

int sample_set_speed(struct mosixd *d, uint32_t speed, struct err *e)
{
	struct sample_speed *s = &d->sample->speed;
	uint32_t old = s->set;
	int r;

	if (speed && !is_valid(speed))
		return err_set(e, -EINVAL, "A speed is a number from %u to %u, or 0: as measured",
			       SPEED_MIN, SPEED_MAX);
	s->set = speed;
	r = save(s);
	if (r < 0) {
		s->set = old;
		return err_sys(e, r, "Cannot write %s", FILE_NAME);
	}
	return 0;
}
