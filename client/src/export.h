// SPDX-License-Identifier: Apache-2.0
// Everything is hidden but what carries this mark: the C interface.
#pragma once

#define NETMSG_EXPORT __attribute__((visibility("default")))
