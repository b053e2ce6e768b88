/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The hand-over machines, row by row: what goes in, what comes out, where they are then. The last
 * test sees that no row was left out.
 */
#include "policy/handover_table.h"
#include "proto/mosix.pb-c.h"
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

static void arbiter(unsigned int state)
{
	const struct handover_job job = {.job = ref.job, .gen = ref.gen - 1, .node = S};

	handover_arbiter_init(&m, HOME, &ref, &job, S, D);
	m.state = state;
}

static void source(unsigned int state)
{
	handover_source_init(&m, HOME, &ref, HANDOVER_COPY_RUNNING);
	m.state = state;
}

static void destination(unsigned int state)
{
	handover_destination_init(&m, HOME, &ref, HANDOVER_COPY_ABSENT);
	m.state = state;
}

/* ------------------------------------------------------------------ arbiter */

static void test_arbiter_commit(void **state)
{
	(void)state;
	arbiter(ARBITER_NONE);
	step("start", "write PREPARING", ARBITER_STARTING);
	step("written", "Prepare>D, timer 10s", ARBITER_PREPARING);
	step("D prepared", "Begin>S, timer 30s", ARBITER_MOVING);
	step("S progress", "timer 30s", ARBITER_MOVING);
	step("S dumped", "timer 30s", ARBITER_DUMPED);
	step("D progress", "timer 30s", ARBITER_DUMPED);
	step("S dumped", "ignored", ARBITER_DUMPED);
	step("S down", "ignored", ARBITER_DUMPED);
	step("D ready", "no timer, write COMMIT", ARBITER_DECIDING);
	step("written", "commit>D, commit>S, timer 1s", ARBITER_COMMITTING);
	step("D finished", "job runs at D.4, moved", ARBITER_KILLING);
	step("S finished", "no timer, forget", ARBITER_DONE);

	arbiter(ARBITER_MOVING);
	step("D ready", "timer 30s", ARBITER_READY);
	step("D progress", "timer 30s", ARBITER_READY);
	step("S dumped", "no timer, write COMMIT", ARBITER_DECIDING);
	step("written", "commit>D, commit>S, timer 1s", ARBITER_COMMITTING);
	step("S finished", "", ARBITER_THAWING);
	step("D finished", "no timer, job runs at D.4, moved, forget", ARBITER_DONE);
}

static void test_arbiter_start(void **state)
{
	(void)state;
	arbiter(ARBITER_NONE);
	m.destination = S;
	step("start", "not moved", ARBITER_DONE);

	arbiter(ARBITER_NONE);
	step("start", "write PREPARING", ARBITER_STARTING);
	step("unwritten", "not moved", ARBITER_DONE);

	arbiter(ARBITER_NONE);
	step("recover", "abort>S, timer 1s", ARBITER_ABORTING);
	arbiter(ARBITER_NONE);
	step("recover-commit", "commit>D, commit>S, timer 1s", ARBITER_COMMITTING);
	arbiter(ARBITER_NONE);
	m.over = true;
	step("recover", "forget", ARBITER_DONE);
	arbiter(ARBITER_NONE);
	m.over = true;
	step("recover-commit", "commit>S, timer 1s", ARBITER_KILLING);
}

/* What breaks a move before its commit. */
static void test_arbiter_abort(void **state)
{
	static const char *const breaks[] = {"D failed", "D down", "timer", "give-up"};
	static const unsigned int states[] = {ARBITER_PREPARING, ARBITER_MOVING, ARBITER_READY,
					      ARBITER_DUMPED};
	const char *all = "abort>S, abort>D, timer 1s, not moved";

	(void)state;
	for (size_t s = 0; s < 4; s++) {
		for (size_t i = 0; i < 4; i++) {
			arbiter(states[s]);
			step(breaks[i], all, ARBITER_ABORTING);
		}
	}
	for (size_t s = 0; s < 3; s++) {
		arbiter(states[s]);
		step("S down", all, ARBITER_ABORTING);
		arbiter(states[s]);
		step("S failed", "abort>D, no timer, job stays at S.3, not moved, forget",
		     ARBITER_DONE);
		arbiter(states[s]);
		step("S gone", "abort>D, no timer, job ended, not moved, forget", ARBITER_DONE);
	}
	arbiter(ARBITER_DECIDING);
	step("unwritten", all, ARBITER_ABORTING);
}

static void test_arbiter_aborting(void **state)
{
	static const char *const by_source[] = {"S dumped", "S query", "S up"};
	static const char *const by_destination[] = {"D prepared", "D ready", "D query"};

	(void)state;
	arbiter(ARBITER_ABORTING);
	step("timer", "abort>S, timer 1s", ARBITER_ABORTING);
	for (size_t i = 0; i < 3; i++) {
		step(by_source[i], "abort>S", ARBITER_ABORTING);
		step(by_destination[i], "abort>D", ARBITER_ABORTING);
	}
	step("D finished", "ignored", ARBITER_ABORTING);
	step("give-up", "ignored", ARBITER_ABORTING);
	step("S finished", "no timer, job stays at S.3, forget", ARBITER_DONE);

	arbiter(ARBITER_ABORTING);
	step("S failed", "no timer, job stays at S.3, forget", ARBITER_DONE);
	arbiter(ARBITER_ABORTING);
	step("S gone", "no timer, job ended, forget", ARBITER_DONE);
	arbiter(ARBITER_ABORTING);
	step("S dead", "no timer, job lost, forget", ARBITER_DONE);
}

/* After its vote the source is no longer needed, but then nothing else may go wrong. */
static void test_arbiter_source_gone(void **state)
{
	static const char *const ways[] = {"S failed", "S gone", "S dead"};
	static const char *const breaks[] = {"D failed", "D down", "timer", "give-up"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		arbiter(ARBITER_DUMPED);
		step(ways[i], "", ARBITER_DUMPED);
		step("D ready", "no timer, write COMMIT", ARBITER_DECIDING);
		step("written", "commit>D, timer 1s", ARBITER_THAWING);
	}
	for (size_t i = 0; i < 4; i++) {
		arbiter(ARBITER_DUMPED);
		step("S gone", "", ARBITER_DUMPED);
		step(breaks[i], "abort>D, no timer, job lost, not moved, forget", ARBITER_DONE);
	}
	arbiter(ARBITER_DECIDING);
	m.source_gone = true;
	step("unwritten", "abort>D, job lost, not moved, forget", ARBITER_DONE);
}

static void test_arbiter_committed(void **state)
{
	static const char *const settles[] = {"S finished", "S failed", "S gone", "S dead"};
	static const char *const loses[] = {"D failed", "D dead"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		arbiter(ARBITER_COMMITTING);
		step(settles[i], "", ARBITER_THAWING);
		arbiter(ARBITER_KILLING);
		step(settles[i], "no timer, forget", ARBITER_DONE);
	}
	for (size_t i = 0; i < 2; i++) {
		arbiter(ARBITER_COMMITTING);
		step(loses[i], "job lost, not moved", ARBITER_KILLING);
		/* It was only thought to be dead: it must not begin to run now. */
		step("D ready", "abort>D", ARBITER_KILLING);
		step("D query", "abort>D", ARBITER_KILLING);
		arbiter(ARBITER_THAWING);
		step(loses[i], "no timer, job lost, not moved, forget", ARBITER_DONE);
	}
	arbiter(ARBITER_COMMITTING);
	step("D gone", "job ended, moved", ARBITER_KILLING);
	arbiter(ARBITER_THAWING);
	step("D gone", "no timer, job ended, moved, forget", ARBITER_DONE);
	arbiter(ARBITER_KILLING);
	step("D gone", "job ended", ARBITER_KILLING);
	arbiter(ARBITER_KILLING);
	step("D dead", "job lost", ARBITER_KILLING);
}

/* Nobody is left in doubt, and nobody can change it any more. */
static void test_arbiter_says_again(void **state)
{
	static const unsigned int states[] = {ARBITER_COMMITTING, ARBITER_KILLING, ARBITER_THAWING};
	static const char *const late[] = {"give-up", "S down", "D down", "D prepared",
					   "S progress"};

	(void)state;
	for (size_t s = 0; s < 3; s++) {
		arbiter(states[s]);
		step("S dumped", "commit>S", states[s]);
		step("S query", "commit>S", states[s]);
		step("D ready", "commit>D", states[s]);
		step("D query", "commit>D", states[s]);
		step("S up", s == 2 ? "ignored" : "commit>S", states[s]);
		step("D up", s == 1 ? "ignored" : "commit>D", states[s]);
		for (size_t i = 0; i < 5; i++)
			step(late[i], "ignored", states[s]);
	}
	arbiter(ARBITER_COMMITTING);
	step("timer", "commit>D, commit>S, timer 1s", ARBITER_COMMITTING);
	arbiter(ARBITER_KILLING);
	step("timer", "commit>S, timer 1s", ARBITER_KILLING);
	arbiter(ARBITER_THAWING);
	step("timer", "commit>D, timer 1s", ARBITER_THAWING);
}

/* Asked about a move that it does not know, home says what the journal makes of the copy. */
static void test_arbiter_unknown(void **state)
{
	static const struct {
		struct handover_job job;
		const char *source, *destination;
	} cases[] = {
		/* it never committed: the source's copy is the job */
		{{.job = 5, .gen = 3, .node = S}, "abort>S", "abort>D"},
		/* it committed */
		{{.job = 5, .gen = 4, .node = D, .move = 17}, "commit>S", "commit>D"},
		/* another try committed, to the same node or another */
		{{.job = 5, .gen = 4, .node = D, .move = 18}, "commit>S", "abort>D"},
		{{.job = 5, .gen = 4, .node = OTHER, .move = 18}, "commit>S", "abort>D"},
		/* the job has moved on, or has ended */
		{{.job = 5, .gen = 5, .node = S, .move = 19}, "commit>S", "abort>D"},
		{{.job = 5, .gen = 0}, "commit>S", "abort>D"},
	};
	static const char *const asks[] = {"S dumped", "S query", "D ready", "D query"};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t k = 0; k < 4; k++) {
			handover_arbiter_init(&m, HOME, &ref, &cases[i].job, 0, 0);
			step(asks[k], k < 2 ? cases[i].source : cases[i].destination, ARBITER_NONE);
		}
		handover_arbiter_init(&m, HOME, &ref, &cases[i].job, 0, 0);
		step("D prepared", "abort>D", ARBITER_NONE);
		step("S finished", "ignored", ARBITER_NONE);
		step("D failed", "ignored", ARBITER_NONE);
	}
}

/* ------------------------------------------------------------------ source */

static void test_source(void **state)
{
	(void)state;
	source(SOURCE_NONE);
	step("begin", "tell begin, timer 30s", SOURCE_DUMPING);
	step("begin", "ignored", SOURCE_DUMPING);
	step("commit", "ignored", SOURCE_DUMPING);
	step("guest progress", "Progress>home, timer 30s", SOURCE_DUMPING);
	step("guest dumped", "Dumped>home, timer 1s", SOURCE_DUMPED);
	step("down", "ignored", SOURCE_DUMPED);
	step("dead", "ignored", SOURCE_DUMPED);
	step("timer", "Query>home, timer 1s", SOURCE_DUMPED);
	step("up", "Dumped>home", SOURCE_DUMPED);
	step("commit", "no timer, tell commit", SOURCE_KILLING);
	step("abort", "ignored", SOURCE_KILLING);
	step("guest finished", "Finished>home", SOURCE_DONE);

	source(SOURCE_DUMPED);
	step("abort", "no timer, tell abort", SOURCE_THAWING);
	step("commit", "ignored", SOURCE_THAWING);
	step("guest finished", "Finished>home", SOURCE_DONE);
	source(SOURCE_DUMPING);
	step("abort", "no timer, tell abort", SOURCE_THAWING);
	step("guest dumped", "ignored", SOURCE_THAWING);
}

static void test_source_gives_up(void **state)
{
	static const char *const why[] = {"timer", "down"};
	static const char *const ends[] = {"guest finished", "guest failed", "guest ended",
					   "guest died"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		source(SOURCE_DUMPING);
		step(why[i], "no timer, tell abort", SOURCE_GIVING_UP);
		step("guest dumped", "ignored", SOURCE_GIVING_UP);
		step("commit", "ignored", SOURCE_GIVING_UP);
		step("abort", "ignored", SOURCE_GIVING_UP);
	}
	for (size_t i = 0; i < 4; i++) {
		source(SOURCE_GIVING_UP);
		step(ends[i], "Failed>home", SOURCE_DONE);
		source(SOURCE_KILLING);
		step(ends[i], "Finished>home", SOURCE_DONE);
		source(SOURCE_THAWING);
		step(ends[i], "Finished>home", SOURCE_DONE);
	}
	for (size_t i = 1; i < 4; i++) {
		source(SOURCE_DUMPING);
		step(ends[i], "no timer, Failed>home", SOURCE_DONE);
	}
	for (size_t i = 2; i < 4; i++) {
		source(SOURCE_DUMPED);
		step(ends[i], "no timer, Failed>home", SOURCE_DONE);
	}
}

static void test_source_unknown(void **state)
{
	(void)state;
	for (enum handover_copy c = HANDOVER_COPY_ABSENT; c <= HANDOVER_COPY_ENDED; c++) {
		handover_source_init(&m, HOME, &ref, c);
		step("commit", "Finished>home", SOURCE_DONE);
		handover_source_init(&m, HOME, &ref, c);
		step("abort", "Finished>home", SOURCE_DONE);
		handover_source_init(&m, HOME, &ref, c);
		if (c != HANDOVER_COPY_RUNNING)
			step("begin", "Failed(refused)>home", SOURCE_DONE);
	}
	/* Its guest has not said hello: nothing can be said of it. */
	handover_source_init(&m, HOME, &ref, HANDOVER_COPY_UNKNOWN);
	step("commit", "ignored", SOURCE_NONE);
	step("abort", "ignored", SOURCE_NONE);
	step("begin", "ignored", SOURCE_NONE);

	handover_source_init(&m, HOME, &ref, HANDOVER_COPY_DUMPED);
	step("recover", "Dumped>home, timer 1s", SOURCE_DUMPED);
	handover_source_init(&m, HOME, &ref, HANDOVER_COPY_DUMPING);
	step("recover", "tell abort", SOURCE_GIVING_UP);
}

/* ------------------------------------------------------------------ destination */

static void test_destination(void **state)
{
	(void)state;
	destination(DESTINATION_NONE);
	step("prepare", "tell begin, timer 10s", DESTINATION_PREPARING);
	step("prepare", "ignored", DESTINATION_PREPARING);
	step("guest prepared", "Prepared>home, timer 30s", DESTINATION_RESTORING);
	step("guest progress", "Progress>home, timer 30s", DESTINATION_RESTORING);
	step("commit", "ignored", DESTINATION_RESTORING);
	step("guest ready", "Ready>home, timer 1s", DESTINATION_READY);
	step("down", "ignored", DESTINATION_READY);
	step("dead", "ignored", DESTINATION_READY);
	step("timer", "Query>home, timer 1s", DESTINATION_READY);
	step("up", "Ready>home", DESTINATION_READY);
	step("commit", "no timer, tell commit", DESTINATION_THAWING);
	step("abort", "ignored", DESTINATION_THAWING);
	step("guest finished", "Finished>home", DESTINATION_DONE);

	destination(DESTINATION_READY);
	step("abort", "no timer, tell abort", DESTINATION_KILLING);
	step("commit", "ignored", DESTINATION_KILLING);
	destination(DESTINATION_THAWING);
	step("guest ended", "Finished>home", DESTINATION_DONE);
}

static void test_destination_fails(void **state)
{
	static const unsigned int unvoted[] = {DESTINATION_PREPARING, DESTINATION_RESTORING};
	static const char *const ends[] = {"guest finished", "guest failed", "guest died"};

	(void)state;
	for (size_t s = 0; s < 2; s++) {
		destination(unvoted[s]);
		step("timer", "no timer, tell abort", DESTINATION_GIVING_UP);
		step("guest ready", "ignored", DESTINATION_GIVING_UP);
		destination(unvoted[s]);
		step("down", "no timer, tell abort", DESTINATION_GIVING_UP);
		destination(unvoted[s]);
		step("abort", "no timer, tell abort", DESTINATION_KILLING);
		destination(unvoted[s]);
		step("guest failed", "no timer, Failed>home", DESTINATION_DONE);
	}
	for (size_t i = 0; i < 3; i++) {
		destination(DESTINATION_GIVING_UP);
		step(ends[i], "Failed>home", DESTINATION_DONE);
		destination(DESTINATION_KILLING);
		step(ends[i], "Finished>home", DESTINATION_DONE);
	}
	for (size_t i = 1; i < 3; i++) {
		destination(DESTINATION_READY);
		step(ends[i], "no timer, Failed>home", DESTINATION_DONE);
		destination(DESTINATION_THAWING);
		step(ends[i], "Failed>home", DESTINATION_DONE);
	}
}

static void test_destination_unknown(void **state)
{
	(void)state;
	for (enum handover_copy c = HANDOVER_COPY_ABSENT; c <= HANDOVER_COPY_ENDED; c++) {
		bool has_run = c == HANDOVER_COPY_RUNNING || c == HANDOVER_COPY_DUMPING ||
			       c == HANDOVER_COPY_DUMPED || c == HANDOVER_COPY_ENDED;

		handover_destination_init(&m, HOME, &ref, c);
		step("abort", "Finished>home", DESTINATION_DONE);
		handover_destination_init(&m, HOME, &ref, c);
		step("commit", has_run ? "Finished>home" : "Failed(refused)>home",
		     DESTINATION_DONE);
		handover_destination_init(&m, HOME, &ref, c);
		if (c == HANDOVER_COPY_RESTORING || c == HANDOVER_COPY_READY)
			step("prepare", "Failed(refused)>home", DESTINATION_DONE);
		else if (has_run)
			step("prepare", "ignored", DESTINATION_NONE);
	}
	handover_destination_init(&m, HOME, &ref, HANDOVER_COPY_UNKNOWN);
	step("commit", "ignored", DESTINATION_NONE);
	step("abort", "ignored", DESTINATION_NONE);
	step("prepare", "ignored", DESTINATION_NONE);

	handover_destination_init(&m, HOME, &ref, HANDOVER_COPY_READY);
	step("recover", "Ready>home, timer 1s", DESTINATION_READY);
	handover_destination_init(&m, HOME, &ref, HANDOVER_COPY_RESTORING);
	step("recover", "tell abort", DESTINATION_GIVING_UP);
}

/* ------------------------------------------------------------------ all */

/* Of another move, another generation, or from a node that has no say. */
static void test_fencing(void **state)
{
	static const char *const messages[] = {"S dumped", "D ready", "S failed", "D finished"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		for (int wrong = 0; wrong < 4; wrong++) {
			struct handover_event ev = event(messages[i]);

			ev.ref.move += wrong == 0;
			ev.ref.gen += wrong == 1;
			ev.ref.job += wrong == 2;
			if (wrong == 3)
				ev.node = OTHER;
			arbiter(ARBITER_MOVING);
			take(&ev, messages[i], "ignored");
		}
	}
	arbiter(ARBITER_MOVING);
	step("dumped", "ignored", ARBITER_MOVING);
	for (int wrong = 0; wrong < 4; wrong++) {
		struct handover_event ev = event("commit");

		ev.ref.move += wrong == 0;
		ev.ref.gen += wrong == 1;
		ev.ref.job += wrong == 2;
		if (wrong == 3)
			ev.node = OTHER;
		source(SOURCE_DUMPED);
		take(&ev, "commit", "ignored");
		destination(DESTINATION_READY);
		take(&ev, "commit", "ignored");
	}
}

static void test_listed_as(void **state)
{
	(void)state;
	source(SOURCE_DUMPED);
	assert_int_equal(handover_listed_as(&m), HANDOVER_COPY_DUMPED);
	source(SOURCE_GIVING_UP);
	assert_int_equal(handover_listed_as(&m), HANDOVER_COPY_RUNNING);
	source(SOURCE_THAWING);
	assert_int_equal(handover_listed_as(&m), HANDOVER_COPY_RUNNING);
	destination(DESTINATION_READY);
	assert_int_equal(handover_listed_as(&m), HANDOVER_COPY_READY);
	destination(DESTINATION_KILLING);
	assert_int_equal(handover_listed_as(&m), HANDOVER_COPY_RESTORING);
	destination(DESTINATION_THAWING);
	assert_int_equal(handover_listed_as(&m), HANDOVER_COPY_RUNNING);
}

static void test_reasons(void **state)
{
	struct handover_event ev = event("D failed");
	struct handover_actions acts;

	(void)state;
	ev.text = "The disk is full";
	arbiter(ARBITER_MOVING);
	assert_int_equal(handover_step(&m, &ev, &acts), 0);
	assert_int_equal(acts.list[3].kind, HANDOVER_NOTE);
	assert_string_equal(acts.list[3].text, "The disk is full");
}

/* The daemon passes them on as they are. */
static void test_message_numbers(void **state)
{
	(void)state;
	assert_int_equal(HANDOVER_MSG_PREPARE, MOSIX__MSG_TYPE__MSG_MOVE_PREPARE);
	assert_int_equal(HANDOVER_MSG_PREPARED, MOSIX__MSG_TYPE__MSG_MOVE_PREPARED);
	assert_int_equal(HANDOVER_MSG_BEGIN, MOSIX__MSG_TYPE__MSG_MOVE_BEGIN);
	assert_int_equal(HANDOVER_MSG_DUMPED, MOSIX__MSG_TYPE__MSG_MOVE_DUMPED);
	assert_int_equal(HANDOVER_MSG_READY, MOSIX__MSG_TYPE__MSG_MOVE_READY);
	assert_int_equal(HANDOVER_MSG_FAILED, MOSIX__MSG_TYPE__MSG_MOVE_FAILED);
	assert_int_equal(HANDOVER_MSG_DECISION, MOSIX__MSG_TYPE__MSG_MOVE_DECISION);
	assert_int_equal(HANDOVER_MSG_FINISHED, MOSIX__MSG_TYPE__MSG_MOVE_FINISHED);
	assert_int_equal(HANDOVER_MSG_QUERY, MOSIX__MSG_TYPE__MSG_MOVE_QUERY);
	assert_int_equal(HANDOVER_MSG_PROGRESS, MOSIX__MSG_TYPE__MSG_MOVE_PROGRESS);
}

static void test_every_row(void **state)
{
	(void)state;
	for (enum handover_role role = HANDOVER_ARBITER; role <= HANDOVER_DESTINATION; role++)
		for (size_t i = 0; i < handover_table(role)->row_count; i++)
			if (!taken[role][i])
				fail_msg("%s: row %zu was not tested", handover_role_name(role), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arbiter_commit),
		cmocka_unit_test(test_arbiter_start),
		cmocka_unit_test(test_arbiter_abort),
		cmocka_unit_test(test_arbiter_aborting),
		cmocka_unit_test(test_arbiter_source_gone),
		cmocka_unit_test(test_arbiter_committed),
		cmocka_unit_test(test_arbiter_says_again),
		cmocka_unit_test(test_arbiter_unknown),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_source_gives_up),
		cmocka_unit_test(test_source_unknown),
		cmocka_unit_test(test_destination),
		cmocka_unit_test(test_destination_fails),
		cmocka_unit_test(test_destination_unknown),
		cmocka_unit_test(test_fencing),
		cmocka_unit_test(test_listed_as),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_message_numbers),
		cmocka_unit_test(test_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
