#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "base/task_group.h"
#include "base/text.h"
#include "tests/unit/transport/log_folder.h"
#include "transport/track/file_logs.h"
#include "transport/track/flat_json.h"
#include "transport/track/search.h"

using namespace hauspost;
using namespace hauspost::transport;
using hauspost::transport::test::StandingClock;
using hauspost::transport::test::LogFolder;

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string all_of(const std::string& folder, std::string_view prefix = "tracking") {
  std::string text;
  for (const auto& path : log_files(folder, prefix)) text += read_file(path);
  return text;
}

const Guid kMessage = *Guid::parse("11111111-2222-3333-4444-555555555555");
const Guid kSession = *Guid::parse("99999999-2222-3333-4444-555555555555");

TrackedEvent event(TrackEvent kind, std::string_view sender,
                   std::vector<std::string_view> recipients) {
  TrackedEvent out;
  out.event = kind;
  out.message = kMessage;
  out.sender = sender;
  out.recipients = std::move(recipients);
  return out;
}

struct Logs {
  LogFolder folder;
  StandingClock clock;
  asio::io_context io;
  LogLimits limits;
  std::string path = folder.path("tracking");
  std::unique_ptr<RotatingLog> log;
  std::unique_ptr<FileTracker> tracker;
  std::atomic<bool> cancelled = false;

  Logs() { reopen(); }
  void reopen() {
    tracker.reset();
    log.reset();
    log = std::make_unique<RotatingLog>(io.get_executor(), path, "tracking", clock, limits);
    tracker = std::make_unique<FileTracker>(*log, clock);
  }
  std::vector<TrackLine> search(const TrackQuery& query) {
    log->flush();
    const auto found = search_tracking(path, query, cancelled);
    REQUIRE(found);
    std::vector<TrackLine> lines;
    for (const std::string& line : found->lines) lines.push_back(*parse_track_line(line));
    return lines;
  }
};

}  // namespace

TEST_CASE("track: a line has what the event has, and comes back as it was") {
  TrackedEvent all;
  all.event = TrackEvent::kSend;
  all.message = kMessage;
  all.session = kSession;
  all.message_id = "<m1@example.org>";
  all.sender = "anna@example.org";
  all.recipients = {"bob@example.net", "g\"r\\å@example.net"};
  all.source = "Internet";
  all.remote = "mail.example.net [192.0.2.1]";
  all.status = "250 2.0.0 Ok";
  all.detail = "a\r\n\tb\x01";
  all.subject = " Lunch? \xff";
  all.bytes = 4096;
  all.related = kSession;
  std::string line;
  TimeText times;
  const WallTime time{std::chrono::microseconds(1'795'288'500'000'042)};
  append_track_line(line, all, times.of(time), true);
  CHECK(line ==
        "{\"t\":\"2026-11-21T19:15:00.000042Z\",\"event\":\"SEND\","
        "\"id\":\"11111111-2222-3333-4444-555555555555\","
        "\"session\":\"99999999-2222-3333-4444-555555555555\","
        "\"message_id\":\"<m1@example.org>\",\"sender\":\"anna@example.org\","
        "\"recipients\":[\"bob@example.net\",\"g\\\"r\\\\å@example.net\"],"
        "\"source\":\"Internet\",\"remote\":\"mail.example.net [192.0.2.1]\","
        "\"status\":\"250 2.0.0 Ok\",\"detail\":\"a\\r\\n\\tb\\u0001\","
        "\"subject\":\"Lunch? \xef\xbf\xbd\",\"bytes\":4096,"
        "\"related\":\"99999999-2222-3333-4444-555555555555\"}\n");
  const auto back = parse_track_line(std::string_view(line).substr(0, line.size() - 1));
  REQUIRE(back);
  CHECK(back->time == "2026-11-21T19:15:00.000042Z");
  CHECK(back->event == "SEND");
  CHECK(back->message == kMessage.to_string());
  CHECK(back->recipients == std::vector<std::string>{"bob@example.net", "g\"r\\å@example.net"});
  CHECK(back->detail == "a\r\n\tb\x01");
  CHECK(back->bytes == 4096);
  CHECK(back->related == kSession.to_string());

  line.clear();
  append_track_line(line, event(TrackEvent::kReceive, "", {}), times.of(time), false);
  CHECK(line ==
        "{\"t\":\"2026-11-21T19:15:00.000042Z\",\"event\":\"RECEIVE\","
        "\"id\":\"11111111-2222-3333-4444-555555555555\"}\n");
}

TEST_CASE("track: every event has a name of its own that reads back") {
  std::string names;
  for (int i = 0; i <= static_cast<int>(TrackEvent::kVerdict); ++i) {
    const auto kind = static_cast<TrackEvent>(i);
    CHECK(parse_track_event(to_string(kind)) == kind);
    CHECK(parse_track_event(ascii_lower(to_string(kind))) == kind);
  }
  CHECK_FALSE(parse_track_event("UNKNOWN"));
}

TEST_CASE("track: what is no line is not read as one") {
  const std::string good =
      R"({"t":"x","event":"SEND","recipients":[],"new":[ "a" , "b" ],"n":null})";
  CHECK(parse_track_line(good));
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK_FALSE(parse_track_line(std::string_view(good).substr(0, size)));
  for (const char* wrong :
       {"", "{}", "[]", R"({"t":"x"})", R"({"event":"SEND"})", R"({"t":"x","event":"LUNCH"})",
        R"({"t":["x"],"event":"SEND"})", R"({"t":5,"event":"SEND"})",
        R"({"t":"x","event":"SEND",})", R"({"t":"x","event":"SEND"} x)",
        R"({"t":"x","event":"SEND","a":{}})", R"({"t":"x","event":"SEND","a":"\ud800"})",
        R"({"t":"x","event":"SEND","a":"\q"})", R"({"t":"x","event":"SEND","a":-1})"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_track_line(wrong));
  }
  const auto escaped = parse_track_line(R"({"t":"\u00e5\ud83d\ude00\/","event":"SEND"})");
  REQUIRE(escaped);
  CHECK(escaped->time == "å😀/");
}

TEST_CASE("track: lines are written together and in time") {
  Logs logs;
  TaskGroup tasks(logs.io.get_executor());
  tasks.spawn("log", logs.log->run());
  logs.tracker->record(event(TrackEvent::kReceive, "a@example.org", {}));
  logs.tracker->record(event(TrackEvent::kDeliver, "a@example.org", {}));
  CHECK(all_of(logs.path).empty());
  while (all_of(logs.path).empty()) logs.io.run_one();
  CHECK(std::ranges::count(all_of(logs.path), '\n') == 2);
  // What waits when the end comes is written too.
  logs.tracker->record(event(TrackEvent::kSend, "a@example.org", {}));
  tasks.stop();
  while (tasks.size() > 0) logs.io.run_one();
  CHECK(std::ranges::count(all_of(logs.path), '\n') == 3);
  logs.tracker->set_enabled(false);
  logs.tracker->record(event(TrackEvent::kSend, "a@example.org", {}));
  logs.log->flush();
  CHECK(std::ranges::count(all_of(logs.path), '\n') == 3);
}

TEST_CASE("track: a new file each day and whenever one is full") {
  Logs logs;
  logs.limits.file_bytes_max = 400;
  logs.reopen();
  const auto names = [&] {
    std::string out;
    for (const auto& path : log_files(logs.path, "tracking")) out += path.filename().string() + " ";
    return out;
  };
  const auto write = [&] {
    logs.tracker->record(event(TrackEvent::kReceive, "anna@example.org", {"bob@example.net"}));
    logs.log->flush();
  };
  write();
  write();
  CHECK(names() == "tracking-20261121-0001.log ");
  write();
  CHECK(names() == "tracking-20261121-0001.log tracking-20261121-0002.log ");
  logs.reopen();  // the file that has room goes on
  write();
  CHECK(names() == "tracking-20261121-0001.log tracking-20261121-0002.log ");
  logs.clock.pass(Seconds(86'400));
  write();
  CHECK(names() ==
        "tracking-20261121-0001.log tracking-20261121-0002.log tracking-20261122-0001.log ");
  CHECK(std::ranges::count(all_of(logs.path), '\n') == 5);
}

TEST_CASE("track: a clock that was set back loses no line") {
  Logs logs;
  const auto write = [&] {
    logs.tracker->record(event(TrackEvent::kReceive, "anna@example.org", {"bob@example.net"}));
    logs.log->flush();
  };
  write();
  logs.clock.pass(Seconds(86'400));
  write();
  logs.clock.pass(Seconds(-86'400));
  write();
  logs.reopen();
  write();
  CHECK(logs.log->lost_bytes() == 0);
  CHECK(log_files(logs.path, "tracking").size() == 2);
  CHECK(std::ranges::count(all_of(logs.path), '\n') == 4);
}

TEST_CASE("track: old files go by age and by size together") {
  Logs logs;
  logs.limits = {300, 1000, std::chrono::days(3)};
  logs.reopen();
  const auto write = [&] {
    logs.tracker->record(event(TrackEvent::kReceive, "anna@example.org", {"bob@example.net"}));
    logs.log->flush();
  };
  for (int i = 0; i < 20; ++i) write();
  const auto files = log_files(logs.path, "tracking");
  CHECK(files.back().filename() == "tracking-20261121-0020.log");
  std::uint64_t total = 0;
  for (const auto& path : files) total += std::filesystem::file_size(path);
  CHECK(files.size() >= 3);
  CHECK(total <= 1000);
  // A stranger's files stay.
  std::ofstream(logs.path + "/tracking.txt") << "x";
  logs.clock.pass(Seconds(4 * 86'400));
  write();
  CHECK(log_files(logs.path, "tracking").size() == 1);
  CHECK(std::filesystem::exists(logs.path + "/tracking.txt"));
}

TEST_CASE("track: a torn line of before does not swallow the next one") {
  Logs logs;
  logs.tracker->record(event(TrackEvent::kReceive, "first@example.org", {}));
  logs.log->flush();
  std::ofstream(log_files(logs.path, "tracking").front(), std::ios::app) << "{\"t\":\"2026";
  logs.reopen();
  logs.tracker->record(event(TrackEvent::kReceive, "second@example.org", {}));
  CHECK(logs.search({}).size() == 2);
}

TEST_CASE("track: what cannot be written is counted, and later lines are written again") {
  Logs logs;
  std::ofstream(logs.path) << "a file where the folder should be";
  logs.tracker->record(event(TrackEvent::kReceive, "a@example.org", {}));
  logs.log->flush();
  CHECK(logs.log->lost_bytes() > 50);
  std::filesystem::remove(logs.path);
  logs.tracker->record(event(TrackEvent::kReceive, "b@example.org", {}));
  CHECK(logs.search({}).size() == 1);
}

TEST_CASE("track: search") {
  Logs logs;
  logs.limits.file_bytes_max = 500;
  logs.reopen();
  const WallTime begin = logs.clock.now();
  for (int i = 0; i < 40; ++i) {
    const std::string sender = "user" + std::to_string(i) + "@Example.org";
    const std::string id = "<m" + std::to_string(i) + "@example.org>";
    TrackedEvent one = event(i % 2 ? TrackEvent::kSend : TrackEvent::kReceive, sender,
                             {"bob@example.net", i == 7 ? "q\"x@example.net" : "eve@example.net"});
    one.message = Guid::random();
    if (i == 9) one.message = kMessage;
    if (i == 12) one.related = kMessage;
    one.message_id = id;
    logs.tracker->record(one);
    logs.log->flush();
    logs.clock.pass(Seconds(60));
  }
  CHECK(log_files(logs.path, "tracking").size() > 5);
  CHECK(logs.search({}).size() == 40);
  CHECK(logs.search({})[0].sender == "user39@Example.org");
  CHECK(logs.search({.sender = "USER3@example"}).size() == 1);
  CHECK(logs.search({.sender = "user3"}).size() == 11);
  CHECK(logs.search({.recipient = "eve@"}).size() == 39);
  CHECK(logs.search({.recipient = "Q\"X@"}).size() == 1);
  CHECK(logs.search({.recipient = "user3@"}).empty());
  CHECK(logs.search({.message_id = "<m5@example.org>"}).size() == 1);
  CHECK(logs.search({.message = kMessage.to_string()}).size() == 2);
  CHECK(logs.search({.recipient = "bob", .event = "send"}).size() == 20);
  CHECK(logs.search({.from = begin + Seconds(60 * 35)}).size() == 5);
  CHECK(logs.search({.to = begin + Seconds(60 * 35)}).size() == 36);
  CHECK(logs.search({.from = begin + Seconds(601), .to = begin + Seconds(659)}).empty());

  auto limited = search_tracking(logs.path, {.limit = 3}, logs.cancelled);
  REQUIRE(limited);
  CHECK(limited->lines.size() == 3);
  CHECK(limited->more);
  CHECK_FALSE(search_tracking(logs.path, {.limit = 40}, logs.cancelled)->more);
  logs.cancelled = true;
  CHECK(search_tracking(logs.path, {}, logs.cancelled).error().code == ErrorCode::kCancelled);
  logs.cancelled = false;
  CHECK(search_tracking("/nonexistent", {}, logs.cancelled)->lines.empty());
}

TEST_CASE("protocol log: a dialogue by lines, without secrets") {
  LogFolder folder;
  StandingClock clock;
  asio::io_context io;
  const std::string path = folder.path("receive");
  RotatingLog log(io.get_executor(), path, std::string(kProtocolPrefix), clock, {},
                  std::string(kProtocolLogFields));
  FileProtocolLog dialogues(log, clock);
  ProtocolTrail trail(&dialogues, "Default \"Frontend\"", kSession, "127.0.0.1:25", "192.0.2.1:99");
  trail.connected();
  trail.received("EHLO client\r\n");
  trail.sent("250-mx.example.org\r\n250 SIZE 1,000\r\n");
  trail.received("auth PLAIN AGJvYgBzZWNyZXQ=\r\n");
  trail.note("tab\there \xff");
  trail.closed();
  log.flush();
  const std::string start =
      "2026-11-21T19:15:00.000000Z,\"Default \"\"Frontend\"\"\"," + kSession.to_string() + ",";
  const std::string ends = ",127.0.0.1:25,192.0.2.1:99,";
  CHECK(all_of(path, "smtp") == std::string(kProtocolLogFields) +                        //
                                    start + "0" + ends + "+,\n" +                        //
                                    start + "1" + ends + "<,EHLO client\n" +             //
                                    start + "2" + ends + ">,250-mx.example.org\n" +      //
                                    start + "3" + ends + ">,\"250 SIZE 1,000\"\n" +      //
                                    start + "4" + ends + "<,auth PLAIN ***\n" +          //
                                    start + "5" + ends + "*,\"tab\\x09here \\xff\"\n" +  //
                                    start + "6" + ends + "-,\n");
  std::atomic<bool> cancelled = false;
  CHECK(find_dialogue(path, kSession, 100, cancelled)->size() == 7);
  CHECK(find_dialogue(path, kSession, 2, cancelled)->size() == 2);
  CHECK(find_dialogue(path, kMessage, 2, cancelled)->empty());

  ProtocolTrail off;
  off.sent("250 ok");
  CHECK_FALSE(off);
}

TEST_CASE("connectivity log: one line a connection's turn") {
  LogFolder folder;
  StandingClock clock;
  asio::io_context io;
  const std::string path = folder.path("connectivity");
  RotatingLog log(io.get_executor(), path, std::string(kConnectivityPrefix), clock, {},
                  std::string(kConnectivityLogFields));
  FileConnectivityLog connections(log, clock);
  connections.write({ConnectionNote::Event::kConnected, kSession, "Internet", "example.net",
                     "mail.example.net [192.0.2.1]", "TLSv1.3"});
  connections.write({ConnectionNote::Event::kClosed, kSession, "Internet", "example.net", "",
                     "QUIT", 2, 3, 4096});
  log.flush();
  const std::string start = "2026-11-21T19:15:00.000000Z," + kSession.to_string() + ",Internet,";
  CHECK(all_of(path, "connections") ==
        std::string(kConnectivityLogFields) + start +
            "example.net,mail.example.net [192.0.2.1],+,0,0,0,TLSv1.3\n" + start +
            "example.net,,-,2,3,4096,QUIT\n");
}
