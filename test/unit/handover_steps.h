/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Steps of the hand-over machines in words: what goes in, what comes out, where they are then.
 */
#ifndef MOSIX_TEST_UNIT_HANDOVER_STEPS_H
#define MOSIX_TEST_UNIT_HANDOVER_STEPS_H

#include "policy/handover_table.h"
#include "test/unit/harness.h"

enum { HOME = 1, S = 2, D = 3, OTHER = 4 };

static const struct handover_ref ref = {.move = 17, .job = 5, .gen = 4};

static struct handover m;
static uint8_t taken[3][64];

/* ------------------------------------------------------------------ events from words */

/* "S dumped": a message of node S; "D down": its link; ... */
static const struct {
	const char *word;
	enum handover_event_kind kind;
	enum handover_msg msg;
	bool commit;
} words[] = {
	{"start", HANDOVER_START, 0, false},
	{"recover", HANDOVER_RECOVER, 0, false},
	{"recover-commit", HANDOVER_RECOVER, 0, true},
	{"written", HANDOVER_PERSISTED, 0, false},
	{"unwritten", HANDOVER_PERSIST_FAILED, 0, false},
	{"timer", HANDOVER_TIMER, 0, false},
	{"give-up", HANDOVER_ABORT, 0, false},
	{"up", HANDOVER_LINK_UP, 0, false},
	{"down", HANDOVER_LINK_DOWN, 0, false},
	{"dead", HANDOVER_NODE_DEAD, 0, false},
	{"gone", HANDOVER_COPY_GONE, 0, false},
	{"prepare", HANDOVER_MESSAGE, HANDOVER_MSG_PREPARE, false},
	{"prepared", HANDOVER_MESSAGE, HANDOVER_MSG_PREPARED, false},
	{"begin", HANDOVER_MESSAGE, HANDOVER_MSG_BEGIN, false},
	{"dumped", HANDOVER_MESSAGE, HANDOVER_MSG_DUMPED, false},
	{"ready", HANDOVER_MESSAGE, HANDOVER_MSG_READY, false},
	{"failed", HANDOVER_MESSAGE, HANDOVER_MSG_FAILED, false},
	{"commit", HANDOVER_MESSAGE, HANDOVER_MSG_DECISION, true},
	{"abort", HANDOVER_MESSAGE, HANDOVER_MSG_DECISION, false},
	{"finished", HANDOVER_MESSAGE, HANDOVER_MSG_FINISHED, false},
	{"query", HANDOVER_MESSAGE, HANDOVER_MSG_QUERY, false},
	{"progress", HANDOVER_MESSAGE, HANDOVER_MSG_PROGRESS, false},
};

static const char *const guest_words[] = {
	[HANDOVER_GUEST_PREPARED] = "prepared", [HANDOVER_GUEST_PROGRESS] = "progress",
	[HANDOVER_GUEST_DUMPED] = "dumped",     [HANDOVER_GUEST_READY] = "ready",
	[HANDOVER_GUEST_FAILED] = "failed",     [HANDOVER_GUEST_FINISHED] = "finished",
	[HANDOVER_GUEST_ENDED] = "ended",       [HANDOVER_GUEST_DIED] = "died",
};

static struct handover_event guest_event(const char *word)
{
	for (size_t i = 0; i < sizeof(guest_words) / sizeof(guest_words[0]); i++)
		if (!strcmp(word, guest_words[i]))
			return (struct handover_event){.kind = HANDOVER_GUEST, .guest = i};
	fail_msg("no word of a guest: %s", word);
	return (struct handover_event){0};
}

static struct handover_event event(const char *text)
{
	struct handover_event ev = {.node = HOME, .ref = ref};
	const char *word = text;

	if (!strncmp(text, "guest ", 6))
		return guest_event(text + 6);
	if (!strncmp(text, "S ", 2) || !strncmp(text, "D ", 2)) {
		ev.node = text[0] == 'S' ? S : D;
		ev.source = text[0] == 'S';
		word = text + 2;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(word, words[i].word) != 0)
			continue;
		ev.kind = words[i].kind;
		ev.msg = words[i].msg;
		ev.commit = words[i].commit;
		ev.phase = words[i].commit ? HANDOVER_PHASE_COMMIT : HANDOVER_PHASE_PREPARING;
		if (ev.kind == HANDOVER_COPY_GONE && ev.node == S)
			ev.ref.gen--;
		return ev;
	}
	fail_msg("no word: %s", word);
	return ev;
}

/* ------------------------------------------------------------------ actions to words */

static const char *sent(const struct handover_action *a)
{
	static char text[64];
	const char *to = a->node == S ? "S" : a->node == D ? "D" : a->node == HOME ? "home" : "?";
	const char *name = handover_msg_name(a->msg);

	assert_int_equal(strncmp(name, "Move", 4), 0);
	if (a->msg == HANDOVER_MSG_DECISION)
		name = a->commit ? "Movecommit" : "Moveabort";
	if (m.role == HANDOVER_ARBITER)
		assert_int_equal(a->source, a->node == S);
	else
		assert_int_equal(a->source, m.role == HANDOVER_SOURCE);
	snprintf(text, sizeof(text), "%s%s>%s", name + 4, a->refused ? "(refused)" : "", to);
	return text;
}

static void describe(const struct handover_action *a, char *text, size_t size)
{
	static const char *const commands[] = {"begin", "commit", "abort"};
	static const char *const fates[] = {"runs", "stays", "ended", "lost"};
	static const char *const phases[] = {"none", "PREPARING", "COMMIT"};

	switch (a->kind) {
	case HANDOVER_PERSIST:
		snprintf(text, size, "write %s", phases[a->phase]);
		break;
	case HANDOVER_FORGET:
		snprintf(text, size, "forget");
		break;
	case HANDOVER_SEND:
		snprintf(text, size, "%s", sent(a));
		break;
	case HANDOVER_TELL:
		snprintf(text, size, "tell %s", commands[a->command]);
		break;
	case HANDOVER_TIMER_SET:
		snprintf(text, size, "timer %us", a->ms / 1000);
		break;
	case HANDOVER_TIMER_CLEAR:
		snprintf(text, size, "no timer");
		break;
	case HANDOVER_JOB:
		snprintf(text, size, "job %s", fates[a->fate]);
		if (a->fate == HANDOVER_RUNS || a->fate == HANDOVER_STAYS)
			snprintf(text, size, "job %s at %s.%u", fates[a->fate],
				 a->node == S ? "S" : "D", a->gen);
		break;
	case HANDOVER_NOTE:
		snprintf(text, size, "%s", a->ok ? "moved" : "not moved");
		if (!a->ok)
			assert_true(a->text && a->text[0]);
		break;
	}
}

/* ------------------------------------------------------------------ steps */

static void take(const struct handover_event *ev, const char *what, const char *want)
{
	const struct handover_table *table = handover_table(m.role);
	const struct handover_row *row = handover_find(&m, ev);
	struct handover_actions acts;
	char got[512] = "";
	int r;

	if (row)
		taken[m.role][row - table->rows] = 1;
	r = handover_step(&m, ev, &acts);
	if (r == HANDOVER_E_IGNORED)
		snprintf(got, sizeof(got), "ignored");
	for (size_t i = 0; i < acts.count; i++) {
		char text[96];

		describe(&acts.list[i], text, sizeof(text));
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s", i ? ", " : "", text);
	}
	if (strcmp(got, want) != 0)
		fail_msg("%s in %s:\n  want %s\n  got  %s", what,
			 handover_state_name(m.role, m.state), want, got);
}

static void step(const char *what, const char *want, unsigned int state)
{
	struct handover_event ev = event(what);

	take(&ev, what, want);
	if (m.state != state)
		fail_msg("%s: now in %s, not %s", what, handover_state_name(m.role, m.state),
			 handover_state_name(m.role, state));
}

/* Sees that no row of the role's table was left out. */
static inline void assert_every_row(enum handover_role role)
{
	for (size_t i = 0; i < handover_table(role)->row_count; i++)
		if (!taken[role][i])
			fail_msg("%s: row %zu was not tested", handover_role_name(role), i);
}

#endif
