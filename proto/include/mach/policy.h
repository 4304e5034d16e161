/* SPDX-License-Identifier: Apache-2.0 */
/* How threads are scheduled (spec 07 section 4). There are no calls here that take these numbers. */
#ifndef _MACH_POLICY_H_
#define _MACH_POLICY_H_

#define POLICY_TIMESHARE 1
#define POLICY_FIXEDPRI 2
#define POLICY_LAST 2
#define invalid_policy(policy) (((policy) <= 0) || ((policy) > POLICY_LAST))

#endif /* _MACH_POLICY_H_ */
