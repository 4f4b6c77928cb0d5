// What filters say in sessions.
#include <catch2/catch.hpp>

#include "base/socket_stream.h"
#include "tests/unit/transport/map_resolver.h"
#include "tests/unit/transport/rig.h"
#include "transport/filter/engine.h"
#include "transport/filter/milter_wire.h"
#include "transport/receive/hand_over.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

class MemoryTracker final : public Tracker {
 public:
  void record(const TrackedEvent& event) override {
    lines.push_back(fmt::format("{} {} {} {}", static_cast<int>(event.event), event.sender,
                                event.status, event.detail));
    kinds.push_back(event.event);
  }
  std::vector<std::string> lines;
  std::vector<TrackEvent> kinds;
};

struct FilterRig : Rig {
  FilterRig() {
    services().tracker = &tracker;
    services().resolver = &zone;
    services().filters = &engine;
  }
  void set(FilterSettings settings) { engine.set_settings(std::move(settings)); }
  std::string mail(const link::SessionStart& start, const std::string& to = "bert@example.org",
                   const std::string& from = "eve@example.net") {
    return pipe(start, "MAIL FROM:<" + from + ">\r\nRCPT TO:<" + to +
                           ">\r\nDATA\r\nSubject: Hi\r\nX-Old: 1\r\n\r\nBody\r\n.\r\n");
  }
  bool is_taken(const link::SessionStart& start, const std::string& to = "bert@example.org") {
    return mail(start, to).contains("\r\n250 2.0.0 Ok, id ");
  }
  std::size_t delivered() { return workers["DB1"]->inbox(bert).size(); }

  MemoryTracker tracker;
  dns::test::MapResolver zone;
  FilterEngine engine{io.get_executor(), services(), folder.path("filters")};
};

// A filter program: hears packets and answers each letter as told.
class FakeMilter {
 public:
  FakeMilter(asio::io_context& io, const std::string& path)
      : io_(io),
        acceptor_(io.get_executor(), asio::local::stream_protocol::endpoint(path)),
        tasks_(io.get_executor()) {
    tasks_.spawn("milter", accept());
  }
  ~FakeMilter() {
    tasks_.stop();
    std::error_code ignored;
    acceptor_.close(ignored);
    while (tasks_.size() > 0) io_.run_one_for(Seconds(10));
  }
  std::map<char, std::string> answers;  // whole packets; a letter that is missing: continue
  std::vector<std::string> heard;       // the letter and the data of each but macros
  bool hangs_up = false;
  std::uint32_t actions = milter::kAllActions;
  std::uint32_t steps = 0;

 private:
  Task<void> accept() {
    for (;;) {
      UnixSocket socket(co_await asio::this_coro::executor);
      std::error_code code;
      co_await acceptor_.async_accept(socket, asio::redirect_error(kUseTask, code));
      if (code) co_return;
      tasks_.spawn("talk", talk(std::make_unique<SocketStream<UnixSocket>>(std::move(socket))));
    }
  }
  Task<void> talk(std::unique_ptr<Stream> stream) {
    std::string input;
    char buffer[4096];
    for (;;) {
      const auto got = co_await stream->read_some(buffer);
      if (!got || *got == 0 || hangs_up) co_return;
      input.append(buffer, *got);
      bool broken = false;
      while (auto packet = milter::take_packet(input, broken)) {
        if (packet->letter == 'D') continue;
        heard.push_back(packet->letter + packet->data);
        if (packet->letter == 'A' || packet->letter == 'Q') continue;
        std::string answer = milter::packet('c');
        if (packet->letter == 'O') {
          answer = milter::packet(
              'O', milter::number(6) + milter::number(actions) + milter::number(steps));
        }
        if (const auto told = answers.find(packet->letter); told != answers.end())
          answer = told->second;
        if (!co_await stream->write(answer)) co_return;
      }
    }
  }
  asio::io_context& io_;
  UnixAcceptor acceptor_;
  TaskGroup tasks_;
};

struct MilterRig : FilterRig {
  MilterRig() {
    settings.milters = {{.name = "test", .address = "unix:" + path}};
    set(settings);
  }
  std::string path = folder.path("milter.sock");
  FakeMilter program{io, path};
  FilterSettings settings;
};

}  // namespace

TEST_CASE("filters: while nothing is switched on there is nothing to ask", "[filter]") {
  FilterRig rig;
  const link::SessionStart start = rig.anonymous();
  CHECK(rig.engine.begin({.start = start}) == nullptr);
  FilterSettings settings;
  settings.allowed = {{*Network::parse("192.0.2.0/24")}};
  settings.dns_lists = {{.zone = "list.example", .enabled = false}};
  rig.set(settings);
  CHECK(rig.engine.begin({.start = start}) == nullptr);
  settings.block_null_sender = true;
  rig.set(settings);
  CHECK(rig.engine.begin({.start = start}) != nullptr);
  CHECK(rig.engine.begin({.start = start, .bypass = true}) == nullptr);
  const link::SessionStart user = rig.user();
  CHECK(rig.engine.begin({.start = user, .authenticated = true}) == nullptr);
}

TEST_CASE("filters: blocked clients, senders and recipients", "[filter]") {
  FilterRig rig;
  FilterSettings settings;
  settings.senders = {{"*.bad.example", {}}};
  settings.recipients = {{"carl@example.org", {}}};
  settings.block_null_sender = true;
  rig.set(settings);
  rig.talk(rig.anonymous(),
           "C: MAIL FROM:<x@very.bad.example>\n"
           "S: 550 5.7.1 Sender refused\n"
           "C: MAIL FROM:<>\n"
           "S: 550 5.7.1 Mail without a sender is not taken\n"
           "C: MAIL FROM:<x@good.example>\n"
           "S: 250 2.1.0 Ok\n"
           "C: RCPT TO:<carl@example.org>\n"
           "S: 550 5.7.1 Recipient refused\n"
           "C: RCPT TO:<bert@example.org>\n"
           "S: 250 2.1.5 Ok\n"
           "C: QUIT\n"
           "S: 221 *\n");
  CHECK(rig.tracker.lines ==
        std::vector<std::string>{"1 x@very.bad.example 550 5.7.1 Sender refused sender-block",
                                 "1  550 5.7.1 Mail without a sender is not taken sender-block",
                                 "1 x@good.example 550 5.7.1 Recipient refused recipient-block"});
  settings.blocked = {{*Network::parse("192.0.2.0/24")}};
  rig.set(settings);
  CHECK(rig.mail(rig.anonymous()).contains("550 5.7.1 Mail from [192.0.2.7] is not taken"));
  settings.allowed = {{*Network::parse("192.0.2.7")}};
  rig.set(settings);
  CHECK(rig.is_taken(rig.anonymous(), "carl@example.org"));  // the allow list wins
}

TEST_CASE("filters: a DNS list refuses for all but the exempt", "[filter]") {
  FilterRig rig;
  rig.zone.a_records["7.2.0.192.list.example"] = {"127.0.0.2"};
  FilterSettings settings;
  settings.dns_lists = {{.zone = "list.example", .text = "See %LIST about %IP"}};
  settings.dns_list_exempt = {"carl@example.org"};
  rig.set(settings);
  rig.talk(rig.anonymous(),
           "C: MAIL FROM:<x@good.example>\n"
           "S: 250 2.1.0 Ok\n"
           "C: RCPT TO:<bert@example.org>\n"
           "S: 550 5.7.1 See list.example about 192.0.2.7\n"
           "C: RCPT TO:<anna@example.org>\n"
           "S: 550 5.7.1 *\n"
           "C: RCPT TO:<carl@example.org>\n"
           "S: 250 2.1.5 Ok\n"
           "C: QUIT\n"
           "S: 221 *\n");
  CHECK(rig.zone.asked.size() == 1);
  CHECK(rig.is_taken(rig.user()) == false);  // eve is not anna
  rig.zone.broken = {"7.2.0.192.list.example"};
  CHECK(rig.is_taken(rig.anonymous()));
}

TEST_CASE("filters: greylisting asks to come back", "[filter]") {
  FilterRig rig;
  FilterSettings settings;
  settings.greylist = {.enabled = true, .delay_s = 60};
  rig.set(settings);
  CHECK(rig.mail(rig.anonymous()).contains("451 4.7.1 Greylisted, try again in 60 seconds"));
  rig.clock.pass(Seconds(60));
  CHECK(rig.is_taken(rig.anonymous()));
  CHECK(rig.delivered() == 1);
}

TEST_CASE("filters: a client's score is noted, and refuses where it is told to", "[filter]") {
  FilterRig rig;
  FilterSettings settings;
  settings.checks = {.enabled = true};
  rig.set(settings);
  REQUIRE(rig.is_taken(rig.anonymous()));
  CHECK(rig.workers["DB1"]->inbox(rig.bert).back().contains(
      "X-Hauspost-Organization-Client-Score: 5 (no-ptr, helo-unknown)\r\n"));
  settings.checks.reject_score = 5;
  rig.set(settings);
  CHECK(rig.mail(rig.anonymous()).contains("550 5.7.25 "));
}

TEST_CASE("filters: a bad reputation blocks an address", "[filter]") {
  FilterRig rig;
  FilterSettings settings;
  settings.reputation = {.enabled = true};
  settings.recipients = {{"bert@example.org", {}}};
  rig.set(settings);
  for (int i = 0; i < 20; ++i) rig.mail(rig.anonymous());
  CHECK(rig.mail(rig.anonymous(), "anna@example.org").contains("550 5.7.1 Too much unwanted mail"));
  CHECK(rig.engine.reputation().lift("192.0.2.7"));
  CHECK(rig.is_taken(rig.anonymous(), "anna@example.org"));
}

TEST_CASE("filters: a user's caps", "[filter]") {
  FilterRig rig;
  FilterSettings settings;
  settings.caps = {.messages = 1};
  rig.set(settings);
  CHECK(rig.mail(rig.user(), "bert@example.org", "anna@example.org").contains("250 2.0.0 Ok, id "));
  CHECK(rig.mail(rig.user(), "bert@example.org", "anna@example.org")
            .contains("450 4.7.1 You have sent as many messages as you may"));
  settings.mailbox_caps[rig.anna] = {.messages = 5, .new_recipients = 1};
  rig.set(settings);
  CHECK(rig.mail(rig.user(), "carl@example.org", "anna@example.org").contains("452 4.5.3 "));
  CHECK(rig.mail(rig.user(), "bert@example.org", "anna@example.org").contains("250 2.0.0 Ok, id "));
}

TEST_CASE("milter: hears the whole message and changes it", "[filter][milter]") {
  MilterRig rig;
  using milter::number;
  using milter::packet;
  using milter::texts;
  rig.program.answers['E'] = packet('h', texts({"X-New", "yes"})) +
                             packet('m', number(1) + texts({"Subject", "Changed"})) +
                             packet('m', number(1) + texts({"X-Old", ""})) +
                             packet('b', "New\nbody\r\n") +
                             packet('+', texts({"<anna@example.org>"})) +
                             packet('e', texts({"<new@example.net>"})) + packet('p') + packet('c');
  REQUIRE(rig.is_taken(rig.anonymous()));
  const std::string got = rig.workers["DB1"]->inbox(rig.bert).back();
  CHECK(got.contains("\r\nX-New: yes\r\n"));
  CHECK(got.contains("\r\nSubject: Changed\r\n"));
  CHECK_FALSE(got.contains("X-Old"));
  CHECK(got.ends_with("\r\n\r\nNew\r\nbody\r\n"));
  CHECK(got.starts_with("Return-Path: <new@example.net>\r\n"));
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  std::string letters;
  for (const std::string& heard : rig.program.heard) letters += heard[0];
  CHECK(letters == "OCHMRTLLNBE");
  const std::string name("C[192.0.2.7]\0", 13);
  const std::string port("\0\0", 2);
  CHECK(rig.program.heard[1] == name + "4" + port + std::string("192.0.2.7\0", 10));
  CHECK(rig.program.heard[3] == std::string("M<eve@example.net>\0", 19));
  CHECK(rig.program.heard[4] == std::string("R<bert@example.org>\0", 20));
  CHECK(rig.program.heard[6] == std::string("LSubject\0Hi\0", 12));
  CHECK(rig.program.heard[9] == "BBody\r\n");
}

TEST_CASE("milter: refuses at each step", "[filter][milter]") {
  struct Row {
    char step;
    std::string answer, reply;
  };
  const std::string own = milter::packet('y', milter::texts({"554 5.7.9 Not like this"}));
  for (const Row& row :
       {Row{'C', milter::packet('r'), "550 5.7.1 "}, Row{'H', milter::packet('t'), "451 4.7.1 "},
        Row{'M', own, "554 5.7.9 Not like this"},
        Row{'R', milter::packet('r'), "550 5.7.1 Recipient refused by a filter"},
        Row{'L', milter::packet('r'), "550 5.7.1 Message refused by a filter"},
        Row{'B', milter::packet('t'), "451 4.7.1 "}, Row{'E', own, "554 5.7.9 "}}) {
    CAPTURE(row.step);
    MilterRig rig;
    rig.program.answers[row.step] = row.answer;
    const std::string said = rig.mail(rig.anonymous()) + rig.mail(rig.anonymous());
    CHECK(said.contains(row.reply));
    CHECK_FALSE(said.contains("250 2.0.0 Ok, id"));
    CHECK(rig.delivered() == 0);
    CHECK(rig.tracker.kinds.front() == TrackEvent::kRefuse);
  }
}

TEST_CASE("milter: who was refused at its connection hears it in each transaction",
          "[filter][milter]") {
  MilterRig rig;
  rig.program.answers['C'] = milter::packet('r');
  const std::string said = rig.pipe(
      rig.anonymous(), "MAIL FROM:<a@example.net>\r\nMAIL FROM:<b@example.net>\r\nQUIT\r\n");
  CHECK(said.starts_with("550 5.7.1 Connection refused by a filter\r\n550 5.7.1 "));
}

TEST_CASE("milter: what is discarded or quarantined is kept for the administrator",
          "[filter][milter]") {
  for (const std::string& answer :
       {milter::packet('d'), milter::packet('q', milter::texts({"spam"})) + milter::packet('c')}) {
    MilterRig rig;
    rig.program.answers['E'] = answer;
    CHECK(rig.is_taken(rig.anonymous()));
    CHECK(rig.delivered() == 0);
    const auto kept = rig.wait_for(rig.engine.quarantine().list());
    REQUIRE(kept);
    REQUIRE(kept->size() == 1);
    CHECK(kept->front().source == "test");
    CHECK(kept->front().envelope.recipients.front().address == "bert@example.org");
    CHECK(rig.tracker.kinds == std::vector<TrackEvent>{TrackEvent::kQuarantine});
    // Released, it goes the way of any other.
    auto whole = rig.wait_for(rig.engine.quarantine().read(kept->front().id));
    REQUIRE(whole);
    CHECK(rig.wait_for(submit_internal(rig.services(), whole->entry.envelope, whole->message)));
    CHECK(rig.delivered() == 1);
  }
}

TEST_CASE("milter: a filter that takes all recipients away loses no message", "[filter][milter]") {
  MilterRig rig;
  rig.program.answers['E'] =
      milter::packet('-', milter::texts({"<bert@example.org>"})) + milter::packet('a');
  CHECK(rig.is_taken(rig.anonymous()));
  const auto kept = rig.wait_for(rig.engine.quarantine().list());
  REQUIRE(kept->size() == 1);
  CHECK(kept->front().envelope.recipients.size() == 1);
}

TEST_CASE("milter: one that cannot be asked", "[filter][milter]") {
  MilterRig rig;
  rig.program.hangs_up = true;
  CHECK(rig.mail(rig.anonymous()).contains("451 4.7.1 Service unavailable"));
  rig.settings.milters[0].on_failure = Milter::OnFailure::kAccept;
  rig.set(rig.settings);
  CHECK(rig.is_taken(rig.anonymous()));
  rig.program.hangs_up = false;
  rig.program.answers['E'] = milter::packet('z', "?");  // of no protocol
  CHECK(rig.is_taken(rig.anonymous()));
  rig.program.answers.clear();
  rig.program.actions = 0x100;  // wants what is not offered
  CHECK(rig.is_taken(rig.anonymous()));
  CHECK(rig.delivered() == 3);
  rig.settings.milters[0].address = "unix:" + rig.folder.path("nobody.sock");
  rig.settings.milters[0].on_failure = Milter::OnFailure::kTempfail;
  rig.set(rig.settings);
  CHECK(rig.mail(rig.anonymous()).contains("451 4.7.1 Service unavailable"));
}

TEST_CASE("milter: one that fails in a transaction is not passed by in it", "[filter][milter]") {
  MilterRig rig;
  rig.program.answers['R'] = milter::packet('z', "?");  // of no protocol
  const std::string said =
      rig.pipe(rig.anonymous(),
               "MAIL FROM:<eve@example.net>\r\nRCPT TO:<bert@example.org>\r\n"
               "RCPT TO:<bert@example.org>\r\nDATA\r\nSubject: Hi\r\n\r\nBody\r\n.\r\n");
  CAPTURE(said);
  CHECK_FALSE(said.contains("250 2.1.5 "));
  CHECK_FALSE(said.contains("250 2.0.0 Ok, id "));
  CHECK(rig.delivered() == 0);
}

TEST_CASE("milter: in LMTP each recipient keeps its answer when one is taken away",
          "[filter][milter]") {
  MilterRig rig;
  struct Lmtp final : Connectors {
    Lmtp() { connector->listener = "lmtp"; }
    std::shared_ptr<const ReceiveConnector> find(std::string_view) const override {
      return connector;
    }
    std::shared_ptr<ReceiveConnector> connector =
        std::make_shared<ReceiveConnector>(*built_in_connector("smtp"));
  } const connectors;
  rig.services().connectors = &connectors;
  rig.program.answers['E'] =
      milter::packet('-', milter::texts({"<anna@example.org>"})) + milter::packet('a');
  const std::string said =
      rig.pipe(rig.anonymous(),
               "MAIL FROM:<eve@example.net>\r\nRCPT TO:<anna@example.org>\r\n"
               "RCPT TO:<bert@example.org>\r\nDATA\r\nSubject: Hi\r\n\r\nBody\r\n.\r\n");
  CAPTURE(said);
  CHECK(said.contains("\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok, id "));
  CHECK(rig.delivered() == 1);
  CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
}

TEST_CASE("milter: users are asked about only when it is set so", "[filter][milter]") {
  MilterRig rig;
  rig.program.answers['E'] = milter::packet('r');
  const auto mail = [&] { return rig.mail(rig.user(), "bert@example.org", "anna@example.org"); };
  CHECK(mail().contains("250 2.0.0 Ok, id "));
  rig.settings.milters[0].users_too = true;
  rig.set(rig.settings);
  CHECK(mail().contains("550 5.7.1 Message refused by a filter"));
}

TEST_CASE("milter: what it does not want to hear is not said", "[filter][milter]") {
  MilterRig rig;
  rig.program.steps = milter::kNoConnect | milter::kNoHello | milter::kSilentMail |
                      milter::kNoRcpt | milter::kNoBody | milter::kSilentHeaders | milter::kNoData;
  rig.program.answers['M'] = {};
  rig.program.answers['L'] = {};
  CHECK(rig.is_taken(rig.anonymous()));
  std::string letters;
  for (const std::string& heard : rig.program.heard) letters += heard[0];
  CHECK(letters == "OMLLNE");
}
