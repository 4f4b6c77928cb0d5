#include "transport/track/file_logs.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "transport/track/track_counts.h"

namespace hauspost::transport {

namespace {

constexpr std::size_t kFieldBytesMax = 2000;

// Peer bytes stay one line of printable text; quotes are doubled where they must stand.
void append_csv(std::string& out, std::string_view text) {
  const std::string_view cut = text.substr(0, kFieldBytesMax);
  const bool plain = std::ranges::all_of(
      cut, [](char c) { return c >= ' ' && c < 0x7f && c != ',' && c != '"' && c != '\\'; });
  if (plain) {
    out += cut;
    return;
  }
  constexpr char kHex[] = "0123456789abcdef";
  const bool utf8 = is_valid_utf8(cut);
  out += '"';
  for (const char c : cut) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7f || (octet >= 0x80 && !utf8)) {
      out += "\\x";
      out += kHex[octet >> 4];
      out += kHex[octet & 15];
    } else {
      if (c == '"') out += '"';
      if (c == '\\') out += '\\';
      out += c;
    }
  }
  out += '"';
}

void append_guid(std::string& out, const Guid& guid) {
  if (!guid.is_nil()) out += guid.to_string();
}

}  // namespace

void FileTracker::record(const TrackedEvent& event) {
  count_event(event);
  if (!enabled_) return;
  append_track_line(log_.buffer(), event, times_.of(clock_.now()), subjects_);
  log_.gathered();
}

void FileProtocolLog::write(const ProtocolLine& line) {
  std::string& out = log_.buffer();
  out.append(times_.of(clock_.now())) += ',';
  append_csv(out, line.connector);
  out += ',';
  append_guid(out, line.session);
  fmt::format_to(std::back_inserter(out), ",{},", line.number);
  append_csv(out, line.local);
  out += ',';
  append_csv(out, line.remote);
  out += ',';
  out += static_cast<char>(line.event);
  out += ',';
  append_csv(out, line.text);
  out += '\n';
  log_.gathered();
}

void FileConnectivityLog::write(const ConnectionNote& note) {
  if (!enabled_) return;
  std::string& out = log_.buffer();
  out.append(times_.of(clock_.now())) += ',';
  append_guid(out, note.session);
  for (const std::string_view text : {note.connector, note.destination, note.remote}) {
    out += ',';
    append_csv(out, text);
  }
  fmt::format_to(std::back_inserter(out), ",{},{},{},{},", static_cast<char>(note.event),
                 note.messages, note.recipients, note.bytes);
  append_csv(out, note.text);
  out += '\n';
  log_.gathered();
}

}  // namespace hauspost::transport
