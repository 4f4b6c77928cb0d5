// The contents of a message as DATA and BDAT carry them. What may not stand in a message is found
// here, once, while the reader goes on to the real end so that the dialogue stays in step.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocols/smtp/limits.h"
#include "protocols/smtp/reply.h"

namespace hauspost::smtp {

// When a message has several, the last of this list is the one that is told.
enum class ContentFault : std::uint8_t {
  kNone,
  kNul,                 // RFC 5322 section 2.3; IMAP cannot show it
  kBareCarriageReturn,  // RFC 5321 section 2.3.8
  kBareLineFeed,        // the same
  kLineTooLong,
  kTooBig,
};
// 550 5.6.0, 552 5.3.4 or 554 5.6.0. REQUIRES: not kNone.
Reply refusal(ContentFault fault);

// Watches message octets go by, in pieces of any size.
class ContentCheck {
 public:
  void feed(std::string_view bytes);
  // No more octets: a CR at the very end was bare.
  void finish();
  ContentFault fault() const { return fault_; }
  void set_too_big() { note(ContentFault::kTooBig); }

 private:
  void note(ContentFault fault);

  ContentFault fault_ = ContentFault::kNone;
  std::size_t line_bytes_ = 0;
  bool after_cr_ = false;
};

// DATA (RFC 5321 section 4.5.2): ends at CRLF.CRLF, with the CRLF of the DATA line as the first
// one; one dot at the start of a line is taken away.
class DataReader {
 public:
  // Appends to `message`, never more than `bytes_max` octets.
  DataReader(std::string& message, std::size_t bytes_max)
      : message_(message), bytes_left_(bytes_max) {}

  // Takes octets up to the end of the message and returns how many those were; less than all of
  // `bytes` only once done().
  std::size_t feed(std::string_view bytes);
  bool done() const { return state_ == State::kDone; }
  // Of what was fed so far; final once done().
  ContentFault fault() const { return check_.fault(); }

 private:
  // What has just been seen; the octets named here are not in the message yet where they stand
  // behind kLineStart.
  enum class State : std::uint8_t { kText, kCr, kLineStart, kDot, kDotCr, kDone };

  std::size_t feed_text(std::string_view bytes);
  void step(char c);
  void keep(std::string_view bytes);

  std::string& message_;
  std::size_t bytes_left_;
  ContentCheck check_;
  State state_ = State::kLineStart;
};

// BDAT (RFC 3030): a message of counted chunks.
class ChunkReader {
 public:
  ChunkReader(std::string& message, std::size_t bytes_max)
      : message_(message), bytes_left_(bytes_max) {}

  void begin_chunk(std::uint64_t bytes) { chunk_left_ = bytes; }
  // Takes octets of the chunk; returns how many. chunk_done() when it has all.
  std::size_t feed(std::string_view bytes);
  bool chunk_done() const { return chunk_left_ == 0; }
  // After the last chunk.
  void finish() { check_.finish(); }
  ContentFault fault() const { return check_.fault(); }

 private:
  std::string& message_;
  std::size_t bytes_left_;
  std::uint64_t chunk_left_ = 0;
  ContentCheck check_;
};

}  // namespace hauspost::smtp
