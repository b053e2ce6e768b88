/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Source and destination of a hand-over, row by row. The last test sees that none was left out.
 */
#include "test/unit/handover_steps.h"

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

/* ------------------------------------------------------------------ both */

static void test_fencing(void **state)
{
	(void)state;
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

static void test_every_row(void **state)
{
	(void)state;
	assert_every_row(HANDOVER_SOURCE);
	assert_every_row(HANDOVER_DESTINATION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_source_gives_up),
		cmocka_unit_test(test_source_unknown),
		cmocka_unit_test(test_destination),
		cmocka_unit_test(test_destination_fails),
		cmocka_unit_test(test_destination_unknown),
		cmocka_unit_test(test_fencing),
		cmocka_unit_test(test_listed_as),
		cmocka_unit_test(test_every_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
