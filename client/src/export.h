// SPDX-License-Identifier: Apache-2.0
// Everything is hidden but what carries one of these marks and is named in client/netmsg.map: the C interface.
#pragma once

#define NETMSG_EXPORT __attribute__((visibility("default")))

// The name with two underscores before it, under which stubs of the C library's own kind call `name` (spec 07 §5),
// which is defined in the same file. Within extern "C".
#define NETMSG_ALIAS(name) extern NETMSG_EXPORT __typeof__(name) __##name __attribute__((alias(#name)));
