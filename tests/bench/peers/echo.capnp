# SPDX-License-Identifier: Apache-2.0
@0xd5c4a2f0b6e19387;

interface Echo {
  echo @0 (data :Data) -> (data :Data);
}
