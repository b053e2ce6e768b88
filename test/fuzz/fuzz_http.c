/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests for metrics: only what asks for them gets them, and what is judged before all of it has
 * come is judged as the whole.
 */
#include <string.h>

#include "daemon/metrics_http.h"
#include "test/fuzz/fuzz.h"

#define GET "GET /metrics"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	int status = metrics_http_judge(text, size);

	fuzz_check(status == 0 || status == 200 || status == 400 || status == 404 ||
		   status == 405 || status == 431);
	if (status == 200)
		fuzz_check(size > strlen(GET) && memcmp(text, GET, strlen(GET)) == 0);
	for (size_t cut = 0; cut < size; cut++) {
		int before = metrics_http_judge(text, cut);

		fuzz_check(before == 0 || before == 431 || before == status);
	}
	return 0;
}
