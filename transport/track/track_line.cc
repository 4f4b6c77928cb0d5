#include "transport/track/track_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "transport/track/flat_json.h"

namespace hauspost::transport {

namespace {

constexpr std::pair<TrackEvent, std::string_view> kEvents[] = {
    {TrackEvent::kReceive, "RECEIVE"},
    {TrackEvent::kRefuse, "REFUSE"},
    {TrackEvent::kResolve, "RESOLVE"},
    {TrackEvent::kExpand, "EXPAND"},
    {TrackEvent::kRedirect, "REDIRECT"},
    {TrackEvent::kTransfer, "TRANSFER"},
    {TrackEvent::kSend, "SEND"},
    {TrackEvent::kDeliver, "DELIVER"},
    {TrackEvent::kDuplicateDeliver, "DUPLICATEDELIVER"},
    {TrackEvent::kDefer, "DEFER"},
    {TrackEvent::kFail, "FAIL"},
    {TrackEvent::kDrop, "DROP"},
    {TrackEvent::kDsn, "DSN"},
    {TrackEvent::kPoison, "POISONMESSAGE"},
    {TrackEvent::kQuarantine, "QUARANTINE"},
    {TrackEvent::kResubmit, "RESUBMIT"},
    {TrackEvent::kVerdict, "VERDICT"},
};

void put_guid(std::string& out, std::string_view name, const Guid& guid) {
  if (guid.is_nil()) return;
  constexpr char kHex[] = "0123456789abcdef";
  out.append(",\"").append(name).append("\":\"");
  for (std::size_t i = 0; i < guid.bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += kHex[guid.bytes[i] >> 4];
    out += kHex[guid.bytes[i] & 15];
  }
  out += '"';
}

void put_text(std::string& out, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text.substr(0, kTrackTextMax));
}

std::string* text_member(TrackLine& line, std::string_view name) {
  static constexpr std::pair<std::string_view, std::string TrackLine::*> kMembers[] = {
      {"t", &TrackLine::time},
      {"event", &TrackLine::event},
      {"id", &TrackLine::message},
      {"session", &TrackLine::session},
      {"message_id", &TrackLine::message_id},
      {"sender", &TrackLine::sender},
      {"source", &TrackLine::source},
      {"remote", &TrackLine::remote},
      {"status", &TrackLine::status},
      {"detail", &TrackLine::detail},
      {"subject", &TrackLine::subject},
      {"related", &TrackLine::related},
  };
  for (const auto& [known, member] : kMembers)
    if (known == name) return &(line.*member);
  return nullptr;
}

}  // namespace

std::string_view to_string(TrackEvent event) {
  const auto* found =
      std::ranges::find(kEvents, event, &std::pair<TrackEvent, std::string_view>::first);
  return found == std::end(kEvents) ? "UNKNOWN" : found->second;
}

std::optional<TrackEvent> parse_track_event(std::string_view word) {
  for (const auto& [event, name] : kEvents)
    if (iequals(word, name)) return event;
  return std::nullopt;
}

std::string_view TimeText::of(WallTime time) {
  const auto second = std::chrono::floor<Seconds>(time);
  if (second != second_) {
    second_ = second;
    const auto day = std::chrono::floor<std::chrono::days>(second);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(second - day);
    text_ =
        fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.000000Z", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  }
  auto micros = static_cast<std::uint32_t>((time - second).count());
  constexpr std::size_t kFirstDigit = 20;
  for (std::size_t at = kFirstDigit + 6; at-- > kFirstDigit; micros /= 10)
    text_[at] = static_cast<char>('0' + micros % 10);
  return text_;
}

void append_track_line(std::string& out, const TrackedEvent& event, std::string_view time,
                       bool with_subject) {
  out.append("{\"t\":\"").append(time).append("\",\"event\":\"");
  out.append(to_string(event.event)).append("\"");
  put_guid(out, "id", event.message);
  put_guid(out, "session", event.session);
  put_text(out, "message_id", event.message_id);
  put_text(out, "sender", event.sender);
  for (std::size_t i = 0; i < event.recipients.size(); ++i) {
    out += i == 0 ? ",\"recipients\":[" : ",";
    append_json_string(out, event.recipients[i].substr(0, kTrackTextMax));
  }
  if (!event.recipients.empty()) out += ']';
  put_text(out, "source", event.source);
  put_text(out, "remote", event.remote);
  put_text(out, "status", event.status);
  put_text(out, "detail", event.detail);
  if (with_subject) put_text(out, "subject", trim(event.subject));
  if (event.bytes != 0) fmt::format_to(std::back_inserter(out), ",\"bytes\":{}", event.bytes);
  put_guid(out, "related", event.related);
  out += "}\n";
}

std::optional<TrackLine> parse_track_line(std::string_view text) {
  TrackLine line;
  const bool sound = parse_flat_json(text, [&](std::string_view name, FlatJson value) {
    if (std::string* member = text_member(line, name)) {
      if (value.texts.size() != 1 || value.is_list) return false;
      *member = std::move(value.texts.front());
    } else if (name == "recipients") {
      line.recipients = std::move(value.texts);
    } else if (name == "bytes") {
      line.bytes = value.number;
    }
    return true;
  });
  if (!sound || line.time.empty() || !parse_track_event(line.event)) return std::nullopt;
  return line;
}

}  // namespace hauspost::transport
