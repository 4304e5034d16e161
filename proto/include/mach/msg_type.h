/* SPDX-License-Identifier: Apache-2.0 */
/* Bits of the message kind of old (spec 07 section 4). They mean nothing here. */
#ifndef _MACH_MSG_TYPE_H_
#define _MACH_MSG_TYPE_H_

#include <mach/message.h>

#define MSG_TYPE_CAMELOT (1 << 6)
#define MSG_TYPE_ENCRYPTED (1 << 7)
#define MSG_TYPE_RPC (1 << 8) /* a reply is expected */

#endif /* _MACH_MSG_TYPE_H_ */
