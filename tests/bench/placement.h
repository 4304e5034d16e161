// SPDX-License-Identifier: Apache-2.0
// Where the processes of a measurement may run, by sched_setaffinity.
//
//   one    all of them on the first processor: each wake-up is a switch
//   two    client on the first, server on the second, whoever is between them on both
//   free   all on both: what the scheduler makes of it
#pragma once

#include <sys/types.h>

namespace netmsg::bench {

enum class Placement { kOneCpu, kTwoCpus, kFree };
enum class Seat { kClient, kServer, kBetween };

const char* name_of(Placement placement);

// Moves all threads of the process. Threads it makes later inherit their maker's place.
void put(pid_t process, Seat seat, Placement placement);

}  // namespace netmsg::bench
