// SPDX-License-Identifier: Apache-2.0
// Messages as a trace writes them: as sent (FORMAT.md §5) and as received (§7). Pure functions; they throw
// scan::Malformed.
#pragma once

#include "tests/conformance/trace.h"
#include "tests/conformance/words.h"

namespace netmsg::conformance {

SizeRef parse_size(Word word);
// One word of a message. False: it is not one of them.
bool parse_sent_word(Message& message, Word word);
bool parse_received_word(Written& written, Word word);

}  // namespace netmsg::conformance
