/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The arbiter of a hand-over, row by row. The last test sees that none was left out.
 */
#include "proto/mosix.pb-c.h"
#include "test/unit/handover_steps.h"

static void arbiter(unsigned int state)
{
	const struct handover_job job = {.job = ref.job, .gen = ref.gen - 1, .node = S};

	handover_arbiter_init(&m, HOME, &ref, &job, S, D);
	m.state = state;
}

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
	assert_every_row(HANDOVER_ARBITER);
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
		cmocka_unit_test(test_fencing),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_message_numbers),
		cmocka_unit_test(test_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
