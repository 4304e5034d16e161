// SPDX-License-Identifier: Apache-2.0
// One session with one peer (rules S2, S3; peer.proto, exchanges 1 and 8): the numbers of frames, which are kept
// until the peer has applied them, acknowledgements, heartbeats, the lease. It outlives the streams that carry
// it (stream.h): what a broken one has lost is written again on the next. Times in, frames out; it knows no
// socket, no clock and no port. What frames mean is the user's business. Owned by Peer, which ends it.
//
//   our frames      1 ... acknowledged_ ... written_ ... sent_
//                   applied by them    | on this    | to be written
//                                      | stream     |
//                                        kept
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "daemon/base/clock.h"
#include "daemon/ipc/quota.h"
#include "netmsg/v1/peer.pb.h"
#include "proxy/cargo.h"
#include "proxy/fault.h"
#include "proxy/frame_bytes.h"
#include "proxy/net_id.h"
#include "proxy/options.h"
#include "proxy/wire.h"

namespace netmsg::proxy {

class Session {
 public:
  // Open from now on. `nonce` is its name between the two incarnations.
  Session(const Timing& timing, std::uint64_t nonce, base::Instant now)
      : timing_(timing), nonce_(nonce), since_(now), heard_(now), spoke_(now) {}

  std::uint64_t nonce() const { return nonce_; }
  // Nothing has come of the peer's that would show that it knows of the session.
  bool untouched() const { return applied_ == 0 && acknowledged_ == 0; }
  base::Instant since() const { return since_; }
  base::Instant lease_ends() const { return heard_ + timing_.lease; }

  // --- what comes in ---
  // A sign of life.
  void heard(base::Instant now) { heard_ = now; }
  base::Instant last_heard() const { return heard_; }
  // Is it the next one? PROTOCOL otherwise.
  Check expect(FrameNumber number) const;
  // It has been applied. REQUIRES: expect(applied() + 1) was asked.
  // It came with the last sign of life.
  void count_applied();
  // The same for a chunk with `data` bytes. When `thanks_after` of such have come they hear of it at once.
  void count_chunk(std::uint64_t data, std::uint64_t thanks_after);
  // They have applied our frames up to `number`. PROTOCOL: impossible.
  Check acknowledge(FrameNumber number);
  // A new stream carries the session on; they have applied up to `number`, what follows is written again, so much of
  // it at a time as they go on acknowledging: who resumes again and again is not sent everything each time.
  // PROTOCOL: impossible.
  Check resume(FrameNumber number, base::Instant now);

  // --- what goes out ---
  // Numbers the frame and keeps it, encoded; returns its number. `charge` pays for it as long as it is kept.
  FrameNumber append(const v1::Frame& frame, ipc::Charge charge);
  // The same for a chunk, which was loaded as frame sent() + 1: its bytes are kept by reference.
  void append_chunk(std::string frame, Lading lading);
  // Writes what this stream has not carried yet, with an acknowledgement. False: there is nothing, no
  // acknowledgement is due and no heartbeat.
  bool write(BatchWriter& out, base::Instant now);

  // Is there something that write() would say now?
  bool speaks(base::Instant now) const;

  // --- time ---
  // LEASE: no sign of life for as long.
  Check tick(base::Instant now) const;
  base::Instant next_deadline(bool has_stream) const;

  // Is an acknowledgement awaited, or owed?
  bool under_way() const { return acknowledged_ < written_ || ack_due_.has_value(); }

  FrameNumber sent() const { return sent_; }
  FrameNumber applied() const { return applied_; }
  std::uint64_t unacknowledged() const { return kept_.size(); }
  // What is kept, in order: chunks without their pieces. For who looks on; it is decoded for that.
  std::vector<v1::Frame> kept() const;
  // In our memory; chunks are elsewhere.
  std::uint64_t unacknowledged_bytes() const { return kept_bytes_; }
  // Data in chunks that they have not acknowledged.
  std::uint64_t bulk_under_way() const { return bulk_under_way_; }

  // What a stream that resumes carries before they have acknowledged anything of it, but for one frame, and for what follows
  // of a group (exchange 12) that has begun: they acknowledge nothing of it before they have all.
  static constexpr std::uint64_t kResumeBytes = 1U << 20;

 private:
  bool has_frame_to_write() const { return written_ < sent_ && (may_write_ != 0U || in_group()); }
  // What this stream has carried ends inside of a group.
  bool in_group() const {
    return written_ > acknowledged_ && kept_[written_ - acknowledged_ - 1].is_followed;
  }

  struct KeptChunk {
    v1::Frame frame() const;  // without its pieces

    FrameNumber number;
    Lading lading;
    std::string loaded;  // until it is written
  };
  struct Kept {
    std::string_view bytes;  // in bytes_, as an item of a Batch; of a chunk: none
    ipc::Charge charge;
    std::unique_ptr<KeptChunk> chunk;  // null: it is none
    bool is_followed = false;          // in its group

    std::uint64_t size() const { return chunk ? sizeof(KeptChunk) : bytes.size(); }
    std::uint64_t data() const { return chunk ? chunk->lading.data : 0; }
  };

  static void write_chunk(KeptChunk& kept, BatchWriter& out);

  Timing timing_;
  std::uint64_t nonce_;
  base::Instant since_;
  base::Instant heard_;  // the last sign of life
  base::Instant spoke_;  // our last one

  FrameNumber sent_ = 0;
  FrameNumber written_ = 0;
  FrameNumber acknowledged_ = 0;
  FrameBytes bytes_;
  std::deque<Kept> kept_;  // the frames after acknowledged_
  std::uint64_t kept_bytes_ = 0;
  std::uint64_t bulk_under_way_ = 0;
  std::optional<std::uint64_t> may_write_;  // bytes on this stream, if it has resumed

  FrameNumber applied_ = 0;
  std::optional<base::Instant> ack_due_;  // set while there is something to acknowledge
  std::uint64_t unthanked_data_ = 0;      // in chunks, since we have acknowledged last
};

}  // namespace netmsg::proxy
