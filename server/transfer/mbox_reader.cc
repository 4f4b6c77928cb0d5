#include "server/transfer/mbox_reader.h"

#include <fmt/format.h>

#include <array>

#include "base/text.h"

namespace hauspost::transfer {

namespace {

// A longer header is mail all the same, but nothing in it is looked for.
constexpr std::size_t kHeaderMax = 1 << 20;

bool is_blank(std::string_view text) { return text.empty() || text == "\r"; }

bool is_fold(std::string_view line) { return line.starts_with(' ') || line.starts_with('\t'); }

}  // namespace

struct MboxReader::Building {
  std::string head;  // as it stands in the file, until the header has ended
  std::string body;
  MboxState state;
  std::optional<StateLine> ours;
  std::uint64_t known_end = 0;  // by Content-Length; 0: it ends where the next begins
  bool in_header = true;
  bool large = false;
};

MboxReader::MboxReader(File& file, std::string name, std::uint64_t offset, Limits limits)
    : file_(file),
      name_(std::move(name)),
      limits_(limits),
      lines_(file, offset),
      next_offset_(offset) {}

Result<bool> MboxReader::skip_to_separator(Item& item) {
  const std::uint64_t begun = lines_.offset();
  bool rubbish = false;
  LineReader::Piece piece;
  for (;;) {
    TRY_ASSIGN(const bool more, lines_.next(piece));
    next_offset_ = more ? piece.offset : lines_.offset();
    if (!more) break;
    const auto from = piece.begins ? parse_from_line(piece.text) : std::nullopt;
    if (from) {
      at_message_ = true;
      date_s_ = from->date_s;
      break;
    }
    rubbish = rubbish || !is_blank(piece.text);
  }
  if (!rubbish) return false;
  item.kind = Item::Kind::kBad;
  item.where = fmt::format("{} at byte {}", name_, begun);
  item.why = at_message_ ? "what stands before the first From line belongs to no message"
                         : "there is no From line: this is no mbox file";
  return true;
}

Result<bool> MboxReader::next(Item& item) {
  item.clear();
  if (!began_) {
    began_ = true;
    TRY_ASSIGN(const bool bad, skip_to_separator(item));
    if (bad) return true;
  }
  if (!at_message_) return false;
  item.where = fmt::format("{} at byte {}", name_, next_offset_);
  item.date_s = date_s_;
  TRY(read_message(item));
  return true;
}

Result<> MboxReader::read_message(Item& item) {
  Building message;
  at_message_ = false;
  bool after_blank = false;
  LineReader::Piece piece;
  for (;;) {
    TRY_ASSIGN(const bool more, lines_.next(piece));
    if (!more) {
      next_offset_ = lines_.offset();
      break;
    }
    const bool inside = piece.offset < message.known_end;
    const bool behind = message.known_end != 0 && !inside;
    if (piece.begins && !inside && (after_blank || behind)) {
      if (const auto from = parse_from_line(piece.text)) {
        next_offset_ = piece.offset;
        date_s_ = from->date_s;
        at_message_ = true;
        break;
      }
    }
    if (behind) continue;
    const bool blank = piece.begins && piece.ends && is_blank(piece.text);
    if (message.in_header && (blank || message.head.size() > kHeaderMax)) TRY(end_header(message));
    std::string_view text = piece.text;
    if (!message.in_header && piece.begins && !inside && is_quoted_from(text))
      text.remove_prefix(1);
    add_line(message, text, piece.ends);
    after_blank = blank;
  }
  if (message.in_header) TRY(end_header(message));
  finish(message, item);
  return {};
}

void MboxReader::add_line(Building& message, std::string_view text, bool ends) const {
  if (message.in_header) {
    message.head += text;
    if (ends) message.head += '\n';
    return;
  }
  if (message.large) return;
  const bool raw = message.ours && message.ours->raw;
  if (!raw && ends && text.ends_with('\r')) text.remove_suffix(1);
  message.body += text;
  if (ends) message.body += raw ? "\n" : "\r\n";
  // The blank line behind a message is not known as that yet.
  if (message.body.size() > limits_.message_bytes_max + 4) {
    message.large = true;
    message.body = std::string();
  }
}

// Whether a message of that length would end where the next one begins, or the file ends.
Result<bool> MboxReader::is_whole(std::uint64_t begin, std::uint64_t length) const {
  if (length == 0 || length > file_.size() || begin + length > file_.size()) return false;
  std::array<char, 1100> room{};
  TRY_ASSIGN(const std::size_t count, file_.read_at(begin + length, room.data(), room.size()));
  std::string_view behind(room.data(), count);
  for (int i = 0; i < 2; ++i) {
    if (behind.starts_with("\r\n")) behind.remove_prefix(2);
    if (behind.starts_with('\n')) behind.remove_prefix(1);
  }
  return behind.empty() || parse_from_line(behind.substr(0, behind.find('\n'))).has_value();
}

Result<> MboxReader::end_header(Building& message) {
  message.in_header = false;
  const std::string head = std::move(message.head);
  message.head.clear();
  // Fields of the file and not of the message: our own stand before the header and end with
  // X-Hauspost, those of other programs anywhere in it.
  std::string kept;
  bool dropping = false;
  std::optional<std::uint64_t> length;
  for (std::size_t at = 0; at < head.size();) {
    std::size_t end = head.find('\n', at);
    end = end == std::string::npos ? head.size() : end + 1;
    const std::string_view line = std::string_view(head).substr(at, end - at);
    at = end;
    std::string_view bare = line;
    while (bare.ends_with('\n') || bare.ends_with('\r')) bare.remove_suffix(1);
    const std::size_t colon = bare.find(':');
    const char first = ascii_lower(bare.empty() ? ' ' : bare[0]);
    if (is_fold(bare)) {
      if (!dropping) kept += line;
      continue;
    }
    dropping = false;
    if (colon == std::string_view::npos || (first != 'x' && first != 's' && first != 'c')) {
      kept += line;
      continue;
    }
    const std::string_view name = trim(bare.substr(0, colon));
    const std::string_view value = trim(bare.substr(colon + 1));
    if (name == kStateField && kept.empty()) {
      message.ours = parse_state_line(value);
      if (message.ours) {
        kept.append(head, at);
        break;
      }
    }
    if (iequals(name, "Content-Length")) {
      length = parse_u64(value);
      if (length) {
        TRY_ASSIGN(const bool whole, is_whole(lines_.offset(), *length));
        if (!whole) length.reset();
      }
      dropping = length.has_value();
    } else {
      dropping = read_state_field(name, value, message.state);
    }
    if (!dropping) kept += line;
  }
  if (length && !message.ours) message.known_end = lines_.offset() + *length;
  for (std::size_t at = 0; at < kept.size();) {
    const std::size_t end = kept.find('\n', at);
    const bool ends = end != std::string::npos;
    const std::size_t stop = ends ? end : kept.size();
    std::string_view text = std::string_view(kept).substr(at, stop - at);
    if (is_quoted_from(text)) text.remove_prefix(1);
    add_line(message, text, ends);
    at = stop + 1;
  }
  return {};
}

void MboxReader::finish(Building& message, Item& item) const {
  item.flags = message.state.flags;
  item.keywords = std::move(message.state.keywords);
  if (message.ours) item.folder = message.ours->folder;
  std::string& body = message.body;
  if (message.ours && !message.large) {
    const std::uint64_t size = message.ours->size;
    if (body.size() >= size) {
      // What our writer puts behind a message is line ends alone.
      const std::string_view rest = std::string_view(body).substr(size);
      if (rest.find_first_not_of("\r\n") == std::string_view::npos)
        body.resize(size);
      else
        item.why = "the message is longer than it was when it was exported";
    } else {
      item.why = fmt::format("cut short: {} of {} bytes are there", body.size(), size);
    }
  } else if (message.known_end == 0 && body.ends_with("\r\n\r\n")) {
    body.resize(body.size() - 2);
  } else if (body == "\r\n") {
    body.clear();
  }
  if (message.large || body.size() > limits_.message_bytes_max) {
    item.kind = Item::Kind::kLarge;
    item.why = fmt::format("above {} bytes", limits_.message_bytes_max);
  } else if (message.state.dropped && !message.ours) {
    item.kind = Item::Kind::kDropped;
  } else if (body.empty() && !(message.ours && message.ours->size == 0)) {
    item.kind = Item::Kind::kBad;
    item.why = "an empty message";
  }
  if (item.kind == Item::Kind::kMessage) item.body = std::move(body);
}

bool looks_like_mbox(const File& file) {
  if (file.size() == 0) return true;
  std::array<char, 1100> room{};
  const auto count = file.read_at(0, room.data(), room.size());
  if (!count) return false;
  std::string_view text(room.data(), *count);
  while (text.starts_with('\n') || text.starts_with('\r')) text.remove_prefix(1);
  return parse_from_line(text.substr(0, text.find('\n'))).has_value();
}

}  // namespace hauspost::transfer
