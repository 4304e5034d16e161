/* SPDX-License-Identifier: Apache-2.0 */
/* What counters_server.cc understands. */
#ifndef COUNTERS_H
#define COUNTERS_H

enum {
  COUNTERS_NEW = 200, /* to the service "counters"; the reply: a send right for a new counter */
  COUNTER_ADD = 201   /* to a counter, a number; the reply: its value */
};

#endif
