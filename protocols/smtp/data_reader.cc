#include "protocols/smtp/data_reader.h"

#include <cstring>

#include "base/check.h"

namespace hauspost::smtp {

Reply refusal(ContentFault fault) {
  switch (fault) {
    case ContentFault::kNone: break;
    case ContentFault::kBareLineFeed: return {550, "5.6.0", "Message contains bare LF"};
    case ContentFault::kBareCarriageReturn: return {550, "5.6.0", "Message contains bare CR"};
    case ContentFault::kNul: return {550, "5.6.0", "Message contains NUL"};
    case ContentFault::kLineTooLong: return {554, "5.6.0", "Message has a line that is too long"};
    case ContentFault::kTooBig: return {552, "5.3.4", "Message too big"};
  }
  HP_UNREACHABLE();
}

void ContentCheck::note(ContentFault fault) { fault_ = std::max(fault_, fault); }

void ContentCheck::feed(std::string_view bytes) {
  if (bytes.empty()) return;
  if (std::memchr(bytes.data(), 0, bytes.size()) != nullptr) note(ContentFault::kNul);
  for (std::size_t at = 0; at < bytes.size();) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes[at] == '\n') {
        line_bytes_ = 0;
        ++at;
        continue;
      }
      note(ContentFault::kBareCarriageReturn);
      ++line_bytes_;
    }
    const std::string_view rest = bytes.substr(at);
    const void* found = std::memchr(rest.data(), '\n', rest.size());
    const std::size_t line =
        found ? static_cast<std::size_t>(static_cast<const char*>(found) - rest.data())
              : rest.size();
    // Within a line only its last octet may be CR, with the LF behind it.
    const void* cr = std::memchr(rest.data(), '\r', line);
    const std::size_t text =
        cr ? static_cast<std::size_t>(static_cast<const char*>(cr) - rest.data()) : line;
    line_bytes_ += text;
    if (line_bytes_ > kTextLineMax) note(ContentFault::kLineTooLong);
    at += text;
    if (cr) {
      after_cr_ = true;
      ++at;
    } else if (found) {
      note(ContentFault::kBareLineFeed);
      line_bytes_ = 0;
      ++at;
    }
  }
}

void ContentCheck::finish() {
  if (after_cr_) note(ContentFault::kBareCarriageReturn);
  after_cr_ = false;
}

void DataReader::keep(std::string_view bytes) {
  check_.feed(bytes);
  if (bytes.size() > bytes_left_) {
    check_.set_too_big();
    bytes_left_ = 0;
    return;
  }
  bytes_left_ -= bytes.size();
  message_ += bytes;
}

std::size_t DataReader::feed(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && !done()) {
    if (state_ == State::kText) {
      at += feed_text(bytes.substr(at));
    } else {
      step(bytes[at++]);
    }
  }
  return at;
}

// As much as can be kept in one piece: up to where a line that starts with a dot may begin.
std::size_t DataReader::feed_text(std::string_view bytes) {
  std::size_t end = bytes.find("\r\n.");
  if (end != std::string_view::npos) {
    end += 2;
    state_ = State::kLineStart;
  } else {
    end = bytes.size();
    if (bytes.ends_with("\r\n"))
      state_ = State::kLineStart;
    else if (bytes.ends_with('\r'))
      state_ = State::kCr;
  }
  keep(bytes.substr(0, end));
  return end;
}

void DataReader::step(char c) {
  switch (state_) {
    case State::kCr:  // the CR is kept already
      keep({&c, 1});
      state_ = c == '\n' ? State::kLineStart : c == '\r' ? State::kCr : State::kText;
      return;
    case State::kLineStart:
      if (c == '.') {
        state_ = State::kDot;
        return;
      }
      keep({&c, 1});
      state_ = c == '\r' ? State::kCr : State::kText;
      return;
    case State::kDot:  // the dot is dropped whatever follows
      if (c == '\r') {
        state_ = State::kDotCr;
        return;
      }
      keep({&c, 1});
      state_ = State::kText;
      return;
    case State::kDotCr:
      if (c == '\n') {
        state_ = State::kDone;
        return;
      }
      keep("\r");
      keep({&c, 1});
      state_ = c == '\r' ? State::kCr : State::kText;
      return;
    case State::kText:
    case State::kDone: break;
  }
  HP_UNREACHABLE();
}

std::size_t ChunkReader::feed(std::string_view bytes) {
  const std::string_view mine =
      bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_left_, bytes.size())));
  chunk_left_ -= mine.size();
  check_.feed(mine);
  if (mine.size() > bytes_left_) {
    check_.set_too_big();
    bytes_left_ = 0;
  } else {
    bytes_left_ -= mine.size();
    message_ += mine;
  }
  return mine.size();
}

}  // namespace hauspost::smtp
