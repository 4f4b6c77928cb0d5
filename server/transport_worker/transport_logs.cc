#include "server/transport_worker/transport_logs.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/beat.h"
#include "base/text.h"
#include "server/child/track.pb.h"
#include "transport/track/search.h"

namespace hauspost::transport_worker {

namespace {

constexpr std::uint32_t kLinesMost = 10'000;
constexpr std::size_t kForksMost = 20;     // messages of one Message-ID
constexpr std::size_t kSessionsMost = 20;  // whose dialogues are shown
constexpr std::size_t kDialogueLinesMost = 500;

transport::LogLimits limits_of(const directory::LogSettings& settings) {
  return {std::uint64_t{settings.file_mib} << 20, std::uint64_t{settings.total_mib} << 20,
          std::chrono::days(settings.days)};
}

WallTime time_of(std::int64_t micros) { return WallTime(std::chrono::microseconds(micros)); }

transport::TrackQuery query_from(const child::wire::TrackSearchRequest& request) {
  transport::TrackQuery query;
  query.message = request.message();
  query.message_id = request.message_id();
  query.sender = request.sender();
  query.recipient = request.recipient();
  query.event = request.event();
  query.from = time_of(request.from_us());
  if (request.to_us() != 0) query.to = time_of(request.to_us());
  query.limit = std::clamp<std::uint32_t>(request.limit(), 1, kLinesMost);
  return query;
}

// The network message id that `name` spells: with dashes, or as clients are told it.
std::string message_named(std::string_view name) {
  if (const auto guid = Guid::parse(name)) return guid->to_string();
  const auto bytes = from_hex(ascii_lower(name));
  const auto guid = bytes ? Guid::from_bytes(*bytes) : std::nullopt;
  return guid ? guid->to_string() : std::string();
}

// Everything that `show` does beside the io thread.
class Story {
 public:
  Story(std::string folder, std::string name, bool dialogues)
      : folder_(std::move(folder)), name_(std::move(name)), with_dialogues_(dialogues) {}

  // Fills in `reply`.
  Result<> tell(const std::atomic<bool>& cancelled);

  child::wire::TrackShowReply reply;

 private:
  Result<std::set<std::string>> messages(const std::atomic<bool>& cancelled);
  Result<> add_dialogues(const std::vector<transport::TrackLine>& lines,
                         const std::atomic<bool>& cancelled);

  std::string folder_;
  std::string name_;
  bool with_dialogues_;
};

Result<std::set<std::string>> Story::messages(const std::atomic<bool>& cancelled) {
  if (const std::string message = message_named(name_); !message.empty()) return std::set{message};
  transport::TrackQuery query;
  query.message_id = name_;
  query.limit = kLinesMost;
  TRY_ASSIGN(const auto found, transport::search_tracking(folder_ + "/tracking", query, cancelled));
  std::set<std::string> ids;
  for (const std::string& text : found.lines) {
    const auto line = transport::parse_track_line(text);
    if (line && !line->message.empty() && ids.size() < kForksMost) ids.insert(line->message);
  }
  return ids;
}

Result<> Story::tell(const std::atomic<bool>& cancelled) {
  TRY_ASSIGN(const auto ids, messages(cancelled));
  std::set<std::string> texts;  // in the order of their times, for they begin with them
  for (const std::string& id : ids) {
    transport::TrackQuery query;
    query.message = id;
    query.limit = kLinesMost;
    TRY_ASSIGN(auto found, transport::search_tracking(folder_ + "/tracking", query, cancelled));
    if (found.more) reply.set_more(true);
    texts.insert(found.lines.begin(), found.lines.end());
  }
  if (texts.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("no message \"{}\" in the tracking log; look for it with: hauspost "
                            "track search",
                            escape_for_log(name_)));
  }
  std::vector<transport::TrackLine> lines;
  for (const std::string& text : texts) {
    reply.add_lines(text);
    lines.push_back(transport::parse_track_line(text).value_or(transport::TrackLine()));
  }
  return with_dialogues_ ? add_dialogues(lines, cancelled) : Result<>{};
}

Result<> Story::add_dialogues(const std::vector<transport::TrackLine>& lines,
                              const std::atomic<bool>& cancelled) {
  std::vector<std::string> sessions;  // in the order in which they come up
  for (const transport::TrackLine& line : lines) {
    if (line.session.empty() || std::ranges::find(sessions, line.session) != sessions.end())
      continue;
    sessions.push_back(line.session);
  }
  if (sessions.size() > kSessionsMost) sessions.resize(kSessionsMost);
  for (const std::string& session : sessions) {
    for (const char* log : {"receive", "send"}) {
      const auto guid = Guid::parse(session);
      if (!guid) continue;
      TRY_ASSIGN(const auto dialogue,
                 transport::find_dialogue(fmt::format("{}/protocol/{}", folder_, log), *guid,
                                          kDialogueLinesMost, cancelled));
      if (dialogue.empty()) continue;
      auto* out = reply.add_dialogues();
      out->set_session(session);
      out->set_log(log);
      for (const std::string& line : dialogue) out->add_lines(line);
    }
  }
  return {};
}

}  // namespace

TransportLogs::TransportLogs(Executor executor, const std::string& data_root,
                             const directory::DirectoryReader& reader, const Clock& clock)
    : executor_(executor),
      reader_(reader),
      folder_(data_root + "/logs"),
      tracking_file_(executor, folder_ + "/tracking", std::string(transport::kTrackPrefix), clock,
                     {}),
      receive_file_(executor, folder_ + "/protocol/receive",
                    std::string(transport::kProtocolPrefix), clock, {},
                    std::string(transport::kProtocolLogFields)),
      send_file_(executor, folder_ + "/protocol/send", std::string(transport::kProtocolPrefix),
                 clock, {}, std::string(transport::kProtocolLogFields)),
      connectivity_file_(executor, folder_ + "/connectivity",
                         std::string(transport::kConnectivityPrefix), clock, {},
                         std::string(transport::kConnectivityLogFields)),
      tracker_(tracking_file_, clock),
      receive_(receive_file_, clock),
      send_(send_file_, clock),
      connectivity_(connectivity_file_, clock),
      side_(executor) {
  apply_settings();
}

void TransportLogs::lend_to(transport::Services& services) {
  services.tracker = &tracker_;
  services.receive_log = &receive_;
  services.send_log = &send_;
  services.connectivity = &connectivity_;
}

void TransportLogs::start(TaskGroup& tasks) {
  for (transport::RotatingLog* log :
       {&tracking_file_, &receive_file_, &send_file_, &connectivity_file_})
    tasks.spawn("log", log->run());
  tasks.spawn("log.settings", follow_settings());
}

void TransportLogs::apply_settings() {
  version_ = reader_.version().value_or(version_);
  const directory::TrackSettings settings = directory::track_settings(reader_);
  tracker_.set_enabled(settings.tracking.enabled);
  tracker_.set_subjects(settings.subjects);
  connectivity_.set_enabled(settings.connectivity.enabled);
  tracking_file_.set_limits(limits_of(settings.tracking));
  receive_file_.set_limits(limits_of(settings.protocol));
  send_file_.set_limits(limits_of(settings.protocol));
  connectivity_file_.set_limits(limits_of(settings.connectivity));
}

Task<void> TransportLogs::follow_settings() {
  while (co_await sleep_to_beat()) {
    if (reader_.version().value_or(version_) != version_) apply_settings();
  }
}

void TransportLogs::flush() {
  for (transport::RotatingLog* log :
       {&tracking_file_, &receive_file_, &send_file_, &connectivity_file_})
    log->flush();
}

Task<Result<std::string>> TransportLogs::search(std::string body) {
  child::wire::TrackSearchRequest request;
  if (!request.ParseFromString(body))
    co_return fail(ErrorCode::kInvalid, "the request does not parse");
  flush();
  struct Work {
    std::string folder;
    transport::TrackQuery query;
    Result<transport::TrackFound> found;
  };
  // Shared: who waits may leave before the work has ended.
  const auto work = std::make_shared<Work>(folder_ + "/tracking", query_from(request));
  CO_TRY(co_await side_.perform([work](const std::atomic<bool>& cancelled) {
    work->found = transport::search_tracking(work->folder, work->query, cancelled);
  }));
  CO_TRY_ASSIGN(auto found, std::move(work->found));
  child::wire::TrackSearchReply reply;
  for (std::string& line : found.lines) reply.add_lines(std::move(line));
  reply.set_more(found.more);
  reply.set_bytes_read(found.bytes_read);
  co_return reply.SerializeAsString();
}

Task<Result<std::string>> TransportLogs::show(std::string body) {
  child::wire::TrackShowRequest request;
  if (!request.ParseFromString(body))
    co_return fail(ErrorCode::kInvalid, "the request does not parse");
  if (request.name().empty())
    co_return fail(ErrorCode::kInvalid, "name a message by its id or its Message-ID");
  flush();
  struct Work {
    Story story;
    Result<> told;
  };
  const auto work = std::make_shared<Work>(Story(folder_, request.name(), request.dialogues()));
  CO_TRY(co_await side_.perform(
      [work](const std::atomic<bool>& cancelled) { work->told = work->story.tell(cancelled); }));
  CO_TRY(std::move(work->told));
  co_return work->story.reply.SerializeAsString();
}

}  // namespace hauspost::transport_worker
