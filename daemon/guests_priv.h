/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the executing side share among themselves. */
#ifndef MOSIX_DAEMON_GUESTS_PRIV_H
#define MOSIX_DAEMON_GUESTS_PRIV_H

#include "daemon/guests.h"

struct local_socket;

struct guests {
	struct guest *table;
	struct local_socket *socket;
	bool settled;
};

/* guests.c */
struct guest *guest_add(struct mosixd *d, uint64_t job, uint32_t gen);
void guest_drop(struct guest *g);
void guest_watch(struct guest *g);
void guest_save(const struct guest *g);

/* guest_conn.c: the connection to a guest process; @fd is taken */
int guest_connect(struct guest *g, int fd);
int guest_socket_new(struct mosixd *d, struct err *e);

/* guest_end.c: what happens when the process or the copy is gone */
void guest_gone(struct guest *g);
void guest_on_timer(struct ev_loop *loop, struct ev_timer *w, int revents);
/* Gives it some seconds to dial back. */
void guest_expect_back(struct guest *g);
/* As its home has said last, if it runs and does not move. */
void guest_apply_freezer(const struct guest *g);
void guest_report_exited(struct guest *g);
/* The process is to end by itself now, and then to be forgotten. */
void guest_leave(struct guest *g);
/* The copy ended; takes @exited. */
void guest_ended(struct guest *g, Mosix__GuestExited *exited);

/* guest_restart.c */
int guests_recover(struct mosixd *d);
void guests_check_settled(struct mosixd *d);

/* guest_control.c */
void guest_word_done(struct guest_word *w);

/* guest_home.c */
void guests_send_list(struct mosixd *d, uint32_t home);
/* Asks home for a new path of the job link. */
void guest_ask_link(struct guest *g);

#endif
