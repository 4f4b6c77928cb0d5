// CommandReader: cuts a client's bytes into commands: lines joined by literals (RFC 3501 section
// 4.3, RFC 7888). Pure: it is fed bytes and says what to do next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/imap/limits.h"

namespace hauspost::imap {

// One command without its last CRLF. Where a literal stood, `text` holds its announcement and the
// CRLF behind it ("{5}\r\n"); its bytes are the next of `literals`.
struct RawCommand {
  std::string text;
  std::vector<std::shared_ptr<const std::string>> literals;
};

// The first word of a command, for replies to what cannot be parsed: a valid tag or "*".
std::string_view tag_of(std::string_view command_text);

class CommandReader {
 public:
  explicit CommandReader(const Limits& limits) : limits_(limits) {}

  enum class Event : std::uint8_t {
    kNeedMore,       // everything was taken, the command goes on
    kCommand,        // take() it
    kContinue,       // a synchronizing literal comes next: write "+ " and feed on
    kLiteralTooBig,  // refused before its bytes, or with them passed over where nobody waited to be
                     // asked for them: answer TAG NO [TOOBIG] (APPEND's message) or
                     // TAG BAD [TOOBIG]; the command is over and dropped
    kLineTooLong,    // the line has been passed over: answer BAD; the command is dropped
    kLineEnd,        // the line ended in LF without CR: answer BAD; the command is dropped
    kFatal,          // bytes that cannot be waited out (a LITERAL+ too big): answer BYE and close
  };
  struct Step {
    Event event = Event::kNeedMore;
    std::size_t consumed = 0;  // of the bytes given; the rest belongs to what follows
  };
  // Takes bytes up to the next event. REQUIRES: after kCommand, take() first.
  Step feed(std::string_view bytes);

  RawCommand take();
  // Of the command that the last event spoke of: its tag ("*" when it has none), and whether it
  // brings messages: APPEND, REPLACE, UID REPLACE.
  std::string tag() const { return tag_; }
  bool is_append() const { return append_; }
  // True between commands: nothing has been fed since the last one ended.
  bool idle() const;
  // For limits that change with the state, as at login.
  void set_limits(const Limits& limits) { limits_ = limits; }

 private:
  struct Announcement {
    std::uint64_t bytes = 0;
    bool synchronizing = true;
    bool message = false;  // of APPEND
  };
  std::size_t feed_literal(std::string_view bytes);
  void feed_line(std::string_view piece);
  Event end_of_line();
  Event begin_literal(const Announcement& announcement);
  bool pass_over(std::uint64_t bytes);
  void note_first_word();
  void drop();

  Limits limits_;
  RawCommand command_;
  std::size_t line_begin_ = 0;            // of the line under way in command_.text
  std::uint64_t literal_bytes_ = 0;       // of this command so far, messages apart
  std::uint64_t message_bytes_ = 0;       // of this command so far
  std::shared_ptr<std::string> literal_;  // under way
  std::uint64_t literal_size_ = 0;
  std::string tag_ = "*";
  bool append_ = false;
  std::ptrdiff_t words_before_mailbox_ = 2;  // of the commands that bring messages
  bool skipping_ = false;  // to the end of a line that is too long, or of a command
  bool too_big_ = false;   // skipping because of a literal
  std::uint64_t pass_left_ = 0;    // of a literal that is passed over
  std::uint64_t passed_over_ = 0;  // of this command so far
  std::string skipped_tail_;
};

}  // namespace hauspost::imap
