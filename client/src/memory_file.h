// SPDX-License-Identifier: Apache-2.0
// Files of memory (memfd) in which regions travel (proto/local/frame.h, "Out-of-line memory"). States: open for
// writing, sealed: then its bytes never change again, whoever holds it. A program may limit its descriptors or the
// size of its files: then there is none, which is no error (the bytes go through the lane). Threads: any.
#pragma once

#include <cstdint>

#include "client/src/descriptor.h"

namespace netmsg::client {

// An empty file that can grow up to `size`; an empty descriptor if there is none to be had.
Descriptor make_memory_file(std::uint64_t size);

// False: somebody can still write to it.
bool seal(const Descriptor& file);

// A sealed file with a copy of [address, address + length) that begins as far into the file as it does into its page.
// An empty descriptor if there is none to be had, or if not all of it is readable.
Descriptor copy_to_file(std::uint64_t address, std::uint64_t length);

}  // namespace netmsg::client
