#include "transport/track/search.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "transport/track/flat_json.h"
#include "transport/track/mapped_file.h"
#include "transport/track/rotating_log.h"

namespace hauspost::transport {

namespace {

// Boyer, Moore and Horspool's search without case: about a byte in needle.size() is looked at.
class Finder {
 public:
  explicit Finder(std::string_view needle) : needle_(ascii_lower(needle)) {
    skip_.fill(std::max<std::size_t>(needle_.size(), 1));
    for (std::size_t i = 0; i + 1 < needle_.size(); ++i) {
      const std::size_t skip = needle_.size() - 1 - i;
      skip_[static_cast<unsigned char>(needle_[i])] = skip;
      skip_[static_cast<unsigned char>(ascii_upper(needle_[i]))] = skip;
    }
  }
  bool empty() const { return needle_.empty(); }

  // The place of the first at or behind `from`, or npos.
  std::size_t find(std::string_view text, std::size_t from) const {
    const std::size_t size = needle_.size();
    while (from + size <= text.size()) {
      const char last = text[from + size - 1];
      if (ascii_lower(last) == needle_.back() && iequals(text.substr(from, size), needle_))
        return from;
      from += skip_[static_cast<unsigned char>(last)];
    }
    return std::string_view::npos;
  }

 private:
  std::string needle_;
  std::array<std::size_t, 256> skip_{};
};

// As it stands between the quotes of a line.
std::string json_form(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out.substr(1, out.size() - 2);
}

// The longest word asked for stands in every line that fits.
std::string needle_of(const TrackQuery& query) {
  std::string longest;
  for (const std::string& word :
       {query.message, query.message_id, query.sender, query.recipient, query.event}) {
    if (word.size() > longest.size()) longest = word;
  }
  return json_form(longest);
}

bool contains(std::string_view text, std::string_view part) {
  return part.empty() || Finder(part).find(text, 0) != std::string_view::npos;
}

struct Bounds {
  std::string from;  // in the log's form of times, which compares like the times
  std::string to;    // empty: none
};

Bounds bounds_of(const TrackQuery& query) {
  TimeText text;
  Bounds bounds;
  if (query.from != WallTime{}) bounds.from = text.of(query.from);
  if (query.to != WallTime::max()) bounds.to = text.of(query.to);
  return bounds;
}

bool is_within(const Bounds& bounds, std::string_view time) {
  return time >= bounds.from && (bounds.to.empty() || time <= bounds.to);
}

bool fits(const TrackQuery& query, const Bounds& bounds, std::string_view text) {
  const auto line = parse_track_line(text);
  if (!line || !is_within(bounds, line->time)) return false;
  if (!query.event.empty() && !iequals(query.event, line->event)) return false;
  const bool about = query.message.empty() || iequals(query.message, line->message) ||
                     iequals(query.message, line->related);
  if (!about || !contains(line->message_id, query.message_id)) return false;
  if (!contains(line->sender, query.sender)) return false;
  return query.recipient.empty() ||
         std::ranges::any_of(line->recipients, [&](const std::string& recipient) {
           return contains(recipient, query.recipient);
         });
}

// "2026-11-21T19:..." of "{"t":"2026-..."; empty: none there.
std::string_view time_of(std::string_view line) {
  constexpr std::string_view kStart = "{\"t\":\"";
  constexpr std::size_t kTimeSize = 27;
  if (!line.starts_with(kStart)) return {};
  return line.substr(kStart.size(), kTimeSize);
}

std::string_view line_at(std::string_view text, std::size_t place) {
  const std::size_t before = place == 0 ? std::string_view::npos : text.rfind('\n', place - 1);
  const std::size_t begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, text.find('\n', place) - begin);
}

// Lines that may fit, in the order of the file. A line without its end is not one yet.
std::vector<std::string_view> candidates(std::string_view text, const Finder& finder) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t place = finder.empty() ? at : finder.find(text, at);
    if (place == std::string_view::npos) break;
    const std::string_view line = line_at(text, place);
    lines.push_back(line);
    at = static_cast<std::size_t>(line.data() - text.data()) + line.size() + 1;
  }
  return lines;
}

std::string_view whole_lines(std::string_view text) { return text.substr(0, text.rfind('\n') + 1); }

// False: enough was found.
bool search_file(std::string_view text, const TrackQuery& query, const Bounds& bounds,
                 const Finder& finder, std::size_t& reply_bytes, TrackFound& found) {
  const auto lines = candidates(text, finder);
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (!is_within(bounds, time_of(*line)) || !fits(query, bounds, *line)) continue;
    reply_bytes += line->size();
    if (found.lines.size() >= query.limit || reply_bytes > kTrackReplyBytesMax) {
      found.more = true;
      return false;
    }
    found.lines.emplace_back(*line);
  }
  return true;
}

std::unexpected<Error> stopped() { return fail(ErrorCode::kCancelled, "searching the logs"); }

}  // namespace

Result<TrackFound> search_tracking(const std::string& folder, const TrackQuery& query,
                                   const std::atomic<bool>& cancelled) {
  TrackFound found;
  const Bounds bounds = bounds_of(query);
  const Finder finder(needle_of(query));
  std::size_t reply_bytes = 0;
  auto files = log_files(folder, kTrackPrefix);
  for (auto path = files.rbegin(); path != files.rend(); ++path) {
    if (cancelled) return stopped();
    const auto file = MappedFile::open(path->string());
    if (!file && file.error().code == ErrorCode::kNotFound) continue;
    if (!file) return fail(file.error());
    const std::string_view text = whole_lines(file->bytes());
    const std::string_view first = time_of(text);
    if (!bounds.to.empty() && first > bounds.to) continue;  // all of it is later
    found.bytes_read += text.size();
    if (!search_file(text, query, bounds, finder, reply_bytes, found)) break;
    if (!first.empty() && first < bounds.from) break;  // what is older is too old
  }
  return found;
}

Result<std::vector<std::string>> find_dialogue(const std::string& folder, const Guid& session,
                                               std::size_t limit,
                                               const std::atomic<bool>& cancelled) {
  std::vector<std::string> lines;
  const Finder finder(session.to_string());
  auto files = log_files(folder, kProtocolPrefix);
  for (auto path = files.rbegin(); path != files.rend(); ++path) {
    if (cancelled) return stopped();
    const auto file = MappedFile::open(path->string());
    if (!file && file.error().code == ErrorCode::kNotFound) continue;
    if (!file) return fail(file.error());
    const auto here = candidates(whole_lines(file->bytes()), finder);
    // A session stands in one file, or at the end of one and the start of the next.
    if (here.empty() && !lines.empty()) break;
    lines.insert(lines.begin(), here.begin(), here.end());
  }
  if (lines.size() > limit) lines.resize(limit);
  return lines;
}

}  // namespace hauspost::transport
