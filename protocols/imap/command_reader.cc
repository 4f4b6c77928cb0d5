#include "protocols/imap/command_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace hauspost::imap {
namespace {

constexpr std::size_t kTagBytesMax = 256;
// Of a line that is passed over: enough to see an announcement at its end.
constexpr std::size_t kSkippedTailBytes = 32;
constexpr std::size_t kLiteralTrusted = 256 * 1024;

bool is_tag_char(char c) {
  return c > ' ' && c < 0x7f && std::string_view("(){%*\"\\+").find(c) == std::string_view::npos;
}

struct LiteralEnd {
  std::uint64_t bytes = 0;
  bool synchronizing = true;
  std::size_t position = 0;  // of "{" or "~{" in the line
};

// "{n}" or "{n+}" at the end of a line without its CRLF (RFC 7888; "~" before it: RFC 3516).
std::optional<LiteralEnd> literal_at_end(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const std::size_t open = line.rfind('{');
  if (open == std::string_view::npos) return std::nullopt;
  std::string_view digits = line.substr(open + 1, line.size() - open - 2);
  const bool plus = digits.ends_with('+');
  if (plus) digits.remove_suffix(1);
  const bool all_digits = !digits.empty() && std::ranges::all_of(digits, is_digit);
  if (!all_digits) return std::nullopt;
  // A number that overflows is a literal all the same, and too big for any limit.
  const std::uint64_t bytes = parse_u64(digits).value_or(UINT64_MAX);
  const std::size_t position = open > 0 && line[open - 1] == '~' ? open - 1 : open;
  return LiteralEnd{bytes, !plus, position};
}

}  // namespace

std::string_view tag_of(std::string_view command_text) {
  const std::size_t end = command_text.find_first_of(" \r\n");
  const std::string_view word = command_text.substr(0, end);
  const bool good =
      !word.empty() && word.size() <= kTagBytesMax && std::ranges::all_of(word, is_tag_char);
  return good ? word : "*";
}

bool CommandReader::idle() const {
  return command_.text.empty() && literal_ == nullptr && !skipping_;
}

CommandReader::Step CommandReader::feed(std::string_view bytes) {
  std::size_t consumed = 0;
  Event event = Event::kNeedMore;
  while (event == Event::kNeedMore && consumed < bytes.size()) {
    const std::string_view rest = bytes.substr(consumed);
    if (pass_left_ > 0) {
      const std::size_t count = std::min<std::uint64_t>(pass_left_, rest.size());
      pass_left_ -= count;
      consumed += count;
      continue;
    }
    if (literal_ != nullptr && literal_->size() < literal_size_) {
      consumed += feed_literal(rest);
      continue;
    }
    if (literal_ != nullptr) command_.literals.push_back(std::exchange(literal_, nullptr));
    const std::size_t newline = rest.find('\n');
    const bool whole = newline != std::string_view::npos;
    const std::string_view piece = rest.substr(0, whole ? newline + 1 : rest.size());
    consumed += piece.size();
    feed_line(piece);
    if (whole) event = end_of_line();
  }
  return {event, consumed};
}

std::size_t CommandReader::feed_literal(std::string_view bytes) {
  const std::size_t count = std::min<std::uint64_t>(literal_size_ - literal_->size(), bytes.size());
  // Until this much has really come the string grows by itself: announcing alone costs nothing.
  if (literal_->size() >= kLiteralTrusted) literal_->reserve(literal_size_);
  literal_->append(bytes.substr(0, count));
  return count;
}

void CommandReader::feed_line(std::string_view piece) {
  if (!skipping_ && command_.text.size() + piece.size() > limits_.line_bytes_max) {
    // An announcement may begin before the limit and end behind it.
    const std::string_view line = std::string_view(command_.text).substr(line_begin_);
    skipped_tail_ = line.substr(line.size() - std::min(line.size(), kSkippedTailBytes));
    command_.text += piece.substr(0, kTagBytesMax + 1);
    note_first_word();
    if (!command_.text.contains(' ')) tag_ = "*";  // perhaps only the front of a word
    skipping_ = true;
  }
  if (!skipping_) {
    command_.text += piece;
    return;
  }
  skipped_tail_ += piece.substr(piece.size() - std::min(piece.size(), kSkippedTailBytes));
  if (skipped_tail_.size() > kSkippedTailBytes)
    skipped_tail_.erase(0, skipped_tail_.size() - kSkippedTailBytes);
}

CommandReader::Event CommandReader::end_of_line() {
  if (line_begin_ == 0 && !skipping_) note_first_word();
  std::string_view line = skipping_ ? std::string_view(skipped_tail_)
                                    : std::string_view(command_.text).substr(line_begin_);
  line.remove_suffix(1);
  const bool strict = line.ends_with('\r');
  if (strict) line.remove_suffix(1);
  const auto literal = literal_at_end(line);
  if (skipping_ || !strict) {
    const Event event = too_big_    ? Event::kLiteralTooBig
                        : skipping_ ? Event::kLineTooLong
                                    : Event::kLineEnd;
    const bool bytes_follow = literal && !literal->synchronizing;
    if (bytes_follow && strict && pass_over(literal->bytes)) return Event::kNeedMore;
    drop();
    return bytes_follow ? Event::kFatal : event;
  }
  if (literal) {
    // The first literal may still be the mailbox name: then nothing but the command and, for
    // REPLACE, the message's number stand before it.
    const bool names_mailbox =
        line_begin_ == 0 &&
        std::ranges::count(line.substr(0, literal->position), ' ') == words_before_mailbox_;
    const Announcement announcement{literal->bytes, literal->synchronizing,
                                    append_ && !names_mailbox};
    return begin_literal(announcement);
  }
  command_.text.resize(command_.text.size() - 2);
  return Event::kCommand;
}

CommandReader::Event CommandReader::begin_literal(const Announcement& announcement) {
  const std::uint64_t one_max =
      announcement.message ? limits_.message_bytes_max : limits_.literal_bytes_max;
  const std::uint64_t all_max =
      announcement.message ? limits_.append_bytes_max : limits_.command_bytes_max;
  std::uint64_t& so_far = announcement.message ? message_bytes_ : literal_bytes_;
  const bool unasked = !announcement.synchronizing;
  if (announcement.bytes > one_max || announcement.bytes > all_max - so_far ||
      (unasked && announcement.bytes > limits_.unasked_bytes_max) ||
      (announcement.message && command_.literals.size() >= limits_.append_messages_max)) {
    drop();
    too_big_ = skipping_ = unasked;
    if (unasked && pass_over(announcement.bytes)) return Event::kNeedMore;
    drop();
    return unasked ? Event::kFatal : Event::kLiteralTooBig;
  }
  so_far += announcement.bytes;
  literal_ = std::make_shared<std::string>();
  literal_size_ = announcement.bytes;
  line_begin_ = command_.text.size();
  return announcement.synchronizing ? Event::kContinue : Event::kNeedMore;
}

// RFC 7888 section 4: what comes unasked and is too big is read all the same, or the connection
// closed. False: too much even for that.
bool CommandReader::pass_over(std::uint64_t bytes) {
  if (bytes > limits_.passed_over_bytes_max - passed_over_) return false;
  pass_left_ = bytes;
  passed_over_ += bytes;
  skipped_tail_.clear();
  return true;
}

void CommandReader::note_first_word() {
  tag_ = tag_of(command_.text);
  const std::string_view text = command_.text;
  const std::size_t space = text.find(' ');
  const std::string_view behind_tag =
      space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  constexpr std::string_view kUid = "UID ";
  const bool uid = istarts_with(behind_tag, kUid);
  const bool replace = istarts_with(behind_tag.substr(uid ? kUid.size() : 0), "REPLACE ");
  append_ = replace || istarts_with(behind_tag, "APPEND ");
  words_before_mailbox_ = (replace ? 3 : 2) + (replace && uid ? 1 : 0);
}

void CommandReader::drop() {
  command_ = {};
  literal_ = nullptr;
  line_begin_ = 0;
  literal_bytes_ = 0;
  message_bytes_ = 0;
  skipping_ = false;
  too_big_ = false;
  pass_left_ = 0;
  passed_over_ = 0;
  skipped_tail_.clear();
}

RawCommand CommandReader::take() {
  RawCommand command = std::move(command_);
  drop();
  return command;
}

}  // namespace hauspost::imap
