#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "base/memory_stream.h"
#include "base/text.h"
#include "tests/unit/base/run.h"
#include "transport/send/client.h"

using namespace hauspost;
using namespace hauspost::transport;

namespace {

using Kind = RecipientResult::Kind;
using BrokenKind = SessionBroken::Kind;

constexpr std::string_view kMessage = "Subject: x\r\n\r\n.hidden\r\nhello\r\n";

// What the server waits for, to the octet, and what it then says.
struct Turn {
  std::string heard;
  std::string said;
};

// Hangs up behind the last turn. What comes instead of what was waited for is in `wrong`.
struct Script {
  std::vector<Turn> turns;
  std::size_t piece = std::string::npos;  // octets of each write
  std::string wrong;
};

Task<void> play(std::unique_ptr<MemoryStream> stream, Script& script) {
  for (const Turn& turn : script.turns) {
    std::string heard;
    while (heard.size() < turn.heard.size()) {
      char room[4096];
      const std::size_t most = std::min(sizeof room, turn.heard.size() - heard.size());
      const auto count = co_await stream->read_some({room, most});
      if (!count || *count == 0) break;
      heard.append(room, *count);
    }
    if (heard != turn.heard) {
      script.wrong = fmt::format("waited for {:?}, heard {:?}", turn.heard, heard);
      co_return;
    }
    for (std::size_t at = 0; at < turn.said.size();
         at += std::min(script.piece, turn.said.size())) {
      if (!co_await stream->write(turn.said.substr(at, script.piece))) co_return;
    }
  }
}

struct Dialogue {
  Script script;
  ClientOptions options{.fqdn = "us.example", .lmtp = false, .own_name = {}, .timeouts = {}};
  Envelope envelope;
  std::string message = std::string(kMessage);
  std::vector<std::optional<RecipientResult>> results = {};
  std::optional<SessionBroken> broken = {};
  smtp::PeerExtensions peer = {};
  bool start_tls = false;
};

// TLS that changes nothing.
class NoCipher final : public TlsStarter {
 public:
  Task<Result<std::unique_ptr<Stream>>> start(std::unique_ptr<Stream> clear) override {
    co_return std::move(clear);
  }
};

Task<Spoken<>> converse(SmtpClient& client, Dialogue& dialogue) {
  if (auto greeted = co_await client.greet(); !greeted) co_return greeted;
  if (dialogue.start_tls) {
    NoCipher starter;
    if (auto secured = co_await client.start_tls(starter); !secured) co_return secured;
  }
  dialogue.peer = client.peer();
  Outgoing outgoing{.envelope = dialogue.envelope,
                    .message = dialogue.message,
                    .facts = mime::scan_content(dialogue.message),
                    .now = WallTime{},
                    .results = {}};
  outgoing.results.resize(dialogue.envelope.recipients.size());
  const auto prepared = prepare(outgoing, {client.peer(), dialogue.options.lmtp, false});
  Spoken<> spoken;
  if (!prepared) co_return spoken;
  const auto settled = [&] {
    return std::ranges::all_of(outgoing.results, [](const auto& one) { return one.has_value(); });
  };
  while (spoken && !settled()) spoken = co_await client.send(outgoing, *prepared);
  dialogue.results = outgoing.results;
  if (spoken) co_await client.quit();
  co_return spoken;
}

Task<void> both(Dialogue& dialogue) {
  auto [near, far] = MemoryStream::pair(co_await asio::this_coro::executor);
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("server", play(std::move(far), dialogue.script));
  {
    SmtpClient client(std::move(near), dialogue.options, {});
    auto spoken = co_await converse(client, dialogue);
    if (!spoken) dialogue.broken = std::move(spoken).error();
  }
  co_await group.join();
}

void talk(Dialogue& dialogue) {
  asio::io_context io(1);
  test::run(io, both(dialogue));
  INFO(dialogue.script.wrong);
  REQUIRE(dialogue.script.wrong.empty());
}

Envelope envelope(std::vector<std::string> recipients) {
  Envelope out;
  out.sender = "a@us.example";
  for (std::string& one : recipients) out.recipients.push_back({.address = std::move(one)});
  return out;
}

// The same dialogue with replies that come whole and octet by octet.
Dialogue run_script(std::vector<Turn> turns, std::vector<std::string> recipients = {"b@them.test"},
                    ClientOptions options = {.fqdn = "us.example"}) {
  Dialogue whole{.script = {turns, std::string::npos, {}}, .envelope = envelope(recipients)};
  whole.options = options;
  talk(whole);
  Dialogue bytes{.script = {std::move(turns), 1, {}}, .envelope = envelope(std::move(recipients))};
  bytes.options = std::move(options);
  talk(bytes);
  REQUIRE(bytes.results.size() == whole.results.size());
  for (std::size_t i = 0; i < whole.results.size(); ++i) {
    REQUIRE(bytes.results[i].has_value() == whole.results[i].has_value());
    if (!whole.results[i]) continue;
    CHECK(bytes.results[i]->kind == whole.results[i]->kind);
    CHECK(bytes.results[i]->diagnostic == whole.results[i]->diagnostic);
  }
  REQUIRE(bytes.broken.has_value() == whole.broken.has_value());
  return whole;
}

const Turn kGreeting{"", "220 them.test ready\r\n"};
const Turn kPlainHello{"EHLO us.example\r\n", "250 them.test\r\n"};
const Turn kPipelining{"EHLO us.example\r\n", "250-them.test\r\n250 PIPELINING\r\n"};
const Turn kQuit{"QUIT\r\n", "221 bye\r\n"};
const std::string kMail = "MAIL FROM:<a@us.example>\r\n";
const std::string kStuffed = "Subject: x\r\n\r\n..hidden\r\nhello\r\n.\r\n";

std::string rcpt(std::string_view local) {
  return fmt::format("RCPT TO:<{}@them.test>\r\n", local);
}

}  // namespace

TEST_CASE("send client: one command at a time without PIPELINING", "[smtp-client]") {
  const Dialogue done = run_script({kGreeting,
                                    kPlainHello,
                                    {kMail, "250 ok\r\n"},
                                    {rcpt("b"), "250 ok\r\n"},
                                    {"DATA\r\n", "354 go\r\n"},
                                    {kStuffed, "250 2.0.0 taken\r\n"},
                                    kQuit});
  REQUIRE(done.results.size() == 1);
  CHECK(done.results[0]->kind == Kind::kRelayedBlind);
  CHECK(done.results[0]->diagnostic == "250 2.0.0 taken");
}

TEST_CASE("send client: all of an envelope at once with PIPELINING", "[smtp-client]") {
  const Dialogue done = run_script({kGreeting,
                                    kPipelining,
                                    {kMail + rcpt("b") + rcpt("c") + rcpt("d") + "DATA\r\n",
                                     "250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n250 ok\r\n"
                                     "450 4.2.1 later\r\n354 go\r\n"},
                                    {kStuffed, "250 ok\r\n"},
                                    kQuit},
                                   {"b@them.test", "c@them.test", "d@them.test"});
  // Replies in the order of commands: b is refused, c taken, d deferred.
  CHECK(done.results[0]->kind == Kind::kFailed);
  CHECK(done.results[0]->status == "5.1.1");
  CHECK(done.results[0]->diagnostic == "550 5.1.1 no such user");
  CHECK(done.results[1]->kind == Kind::kRelayedBlind);
  CHECK(done.results[2]->kind == Kind::kDeferred);
  CHECK(done.results[2]->status == "4.2.1");
}

TEST_CASE("send client: a server that knows only HELO", "[smtp-client]") {
  const Dialogue done = run_script({kGreeting,
                                    {"EHLO us.example\r\n", "500 what?\r\n"},
                                    {"HELO us.example\r\n", "250 PIPELINING\r\n"},
                                    {kMail, "250 ok\r\n"},
                                    {rcpt("b"), "250 ok\r\n"},
                                    {"DATA\r\n", "354 go\r\n"},
                                    {kStuffed, "250 ok\r\n"},
                                    kQuit});
  CHECK_FALSE(done.peer.pipelining);
  CHECK(done.results[0]->kind == Kind::kRelayedBlind);
}

TEST_CASE("send client: a server that does not want us", "[smtp-client]") {
  const auto why = [](std::vector<Turn> turns) {
    const Dialogue done = run_script(std::move(turns));
    REQUIRE(done.broken);
    CHECK(done.results.empty());
    return *done.broken;
  };
  CHECK(why({{"", "554 5.3.2 closed\r\n"}}).kind == BrokenKind::kRefused);
  CHECK(why({{"", "554 5.3.2 closed\r\n"}}).diagnostic == "554 5.3.2 closed");
  CHECK(why({{"", "421 4.3.2 later\r\n"}}).status == "4.3.2");
  CHECK(why({{"", "+OK POP3 ready\r\n"}}).kind == BrokenKind::kProtocol);
  CHECK(why({{"", "220-a\r\n221 b\r\n"}}).kind == BrokenKind::kProtocol);
  CHECK(why({{"", ""}}).kind == BrokenKind::kLost);
  CHECK(why({kGreeting, {"EHLO us.example\r\n", "421 no\r\n"}}).kind == BrokenKind::kRefused);
  CHECK(why({kGreeting,
             {"EHLO us.example\r\n", "550 no\r\n"},
             {"HELO us.example\r\n", "550 still no\r\n"}})
            .kind == BrokenKind::kRefused);
}

namespace {

// A greeting that never ends, an octet now and then.
Task<void> drip(std::unique_ptr<MemoryStream> stream) {
  while (co_await stream->write(std::string_view("2")))
    if (!co_await sleep_for(Milliseconds(50))) co_return;
}

Task<void> greet_patiently(std::optional<SessionBroken>& broken) {
  auto [near, far] = MemoryStream::pair(co_await asio::this_coro::executor);
  TaskGroup group(co_await asio::this_coro::executor);
  group.spawn("server", drip(std::move(far)));
  {
    ClientOptions options{.fqdn = "us.example"};
    options.timeouts = options.timeouts.at_most(Seconds(1));
    SmtpClient client(std::move(near), options, {});
    auto greeted = co_await client.greet();
    if (!greeted) broken = std::move(greeted).error();
  }
  co_await group.join();
}

}  // namespace

TEST_CASE("send client: the time-out is of the whole reply, not of an octet", "[smtp-client]") {
  asio::io_context io(1);
  std::optional<SessionBroken> broken;
  test::run(io, greet_patiently(broken));
  REQUIRE(broken);
  CHECK(broken->kind == BrokenKind::kTimeout);
}

TEST_CASE("send client: a server that is us", "[smtp-client]") {
  ClientOptions options{.fqdn = "us.example"};
  options.own_name = "Mail.Us.Example";
  CHECK(
      run_script({{"", "220 mail.us.example ready\r\n"}}, {"b@them.test"}, options).broken->kind ==
      BrokenKind::kLoop);
  CHECK(run_script({kGreeting, {"EHLO us.example\r\n", "250 mail.us.example\r\n"}}, {"b@them.test"},
                   options)
            .broken->kind == BrokenKind::kLoop);
}

TEST_CASE("send client: a refusal of MAIL is everybody's", "[smtp-client]") {
  const Dialogue done = run_script({kGreeting,
                                    kPipelining,
                                    {kMail + rcpt("b") + rcpt("c") + "DATA\r\n",
                                     "553 5.1.8 not you\r\n503 what\r\n503 what\r\n503 what\r\n"},
                                    kQuit},
                                   {"b@them.test", "c@them.test"});
  for (const auto& result : done.results) {
    CHECK(result->kind == Kind::kFailed);
    CHECK(result->diagnostic == "553 5.1.8 not you");
  }
}

TEST_CASE("send client: DATA that is opened for nobody ends with one dot", "[smtp-client]") {
  const Dialogue done =
      run_script({kGreeting,
                  kPipelining,
                  {kMail + rcpt("b") + "DATA\r\n", "250 ok\r\n550 no\r\n354 go\r\n"},
                  {".\r\n", "554 no valid recipients\r\n"},
                  kQuit});
  CHECK(done.results[0]->kind == Kind::kFailed);
  CHECK(done.results[0]->status == "5.1.1");
}

TEST_CASE("send client: 250 to DATA does not mean that anything was taken", "[smtp-client]") {
  const Dialogue done = run_script({kGreeting,
                                    kPlainHello,
                                    {kMail, "250 ok\r\n"},
                                    {rcpt("b"), "250 ok\r\n"},
                                    {"DATA\r\n", "250 ok\r\n"},
                                    kQuit});
  CHECK(done.results[0]->kind == Kind::kDeferred);
}

TEST_CASE("send client: too many recipients get another transaction", "[smtp-client]") {
  const std::vector<std::string> recipients{"b@them.test", "c@them.test", "d@them.test"};
  const Dialogue done = run_script(
      {kGreeting,
       kPipelining,
       {kMail + rcpt("b") + rcpt("c") + rcpt("d") + "DATA\r\n",
        "250 ok\r\n250 ok\r\n452 4.5.3 too many\r\n452 too many\r\n354 go\r\n"},
       {kStuffed, "250 first\r\n"},
       {kMail + rcpt("c") + rcpt("d") + "DATA\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n"},
       {kStuffed, "250 second\r\n"},
       kQuit},
      recipients);
  CHECK(done.results[0]->diagnostic == "250 first");
  CHECK(done.results[2]->diagnostic == "250 second");

  // Where not even one is taken there is no use in another.
  const Dialogue none =
      run_script({kGreeting,
                  kPipelining,
                  {kMail + rcpt("b") + "DATA\r\n", "250 ok\r\n552 too many\r\n503 nobody\r\n"},
                  kQuit});
  CHECK(none.results[0]->kind == Kind::kDeferred);
  CHECK(none.results[0]->status == "4.5.3");
}

TEST_CASE("send client: LIMITS are kept", "[smtp-client]") {
  const Dialogue done = run_script(
      {kGreeting,
       {"EHLO us.example\r\n", "250-them.test\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=1\r\n"},
       {kMail + rcpt("b") + "DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"},
       {kStuffed, "250 first\r\n"},
       {kMail + rcpt("c") + "DATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"},
       {kStuffed, "452 4.3.1 full\r\n"},
       kQuit},
      {"b@them.test", "c@them.test"});
  CHECK(done.results[0]->kind == Kind::kRelayedBlind);
  CHECK(done.results[1]->kind == Kind::kDeferred);
  CHECK(done.results[1]->status == "4.3.1");
}

TEST_CASE("send client: LMTP answers for each recipient that it took", "[smtp-client]") {
  ClientOptions options{.fqdn = "us.example"};
  options.lmtp = true;
  const Dialogue done =
      run_script({kGreeting,
                  {"LHLO us.example\r\n", "250-them.test\r\n250-DSN\r\n250 PIPELINING\r\n"},
                  {kMail + rcpt("b") + rcpt("c") + rcpt("d") + "DATA\r\n",
                   "250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n"},
                  {kStuffed, "250 2.0.0 b\r\n452 4.2.2 d is full\r\n"},
                  kQuit},
                 {"b@them.test", "c@them.test", "d@them.test"}, options);
  CHECK(done.results[0]->diagnostic == "250 2.0.0 b");
  CHECK(done.results[1]->kind == Kind::kFailed);
  CHECK(done.results[2]->kind == Kind::kDeferred);
  CHECK(done.results[2]->diagnostic == "452 4.2.2 d is full");
}

TEST_CASE("send client: binary contents go by BDAT", "[smtp-client]") {
  Dialogue dialogue{.script = {{kGreeting,
                                {"EHLO us.example\r\n",
                                 "250-them.test\r\n250-CHUNKING\r\n250-BINARYMIME\r\n"
                                 "250-8BITMIME\r\n250 PIPELINING\r\n"},
                                {"MAIL FROM:<a@us.example> BODY=BINARYMIME\r\n" + rcpt("b"),
                                 "250 ok\r\n250 ok\r\n"},
                                {"BDAT 20 LAST\r\nSubject: x\r\n\r\na\n.\r\nb", "250 taken\r\n"},
                                kQuit},
                               std::string::npos,
                               {}},
                    .envelope = envelope({"b@them.test"})};
  dialogue.envelope.binary = true;
  dialogue.message = "Subject: x\r\n\r\na\n.\r\nb";
  talk(dialogue);
  CHECK(dialogue.results[0]->kind == Kind::kRelayedBlind);
}

TEST_CASE("send client: an answer that is lost behind the data leaves the message here",
          "[smtp-client]") {
  const Dialogue done = run_script({kGreeting,
                                    kPlainHello,
                                    {kMail, "250 ok\r\n"},
                                    {rcpt("b"), "250 ok\r\n"},
                                    {"DATA\r\n", "354 go\r\n"},
                                    {kStuffed, "25"}});
  REQUIRE(done.broken);
  CHECK(done.broken->after_data);
  CHECK(done.results[0]->kind == Kind::kDeferred);
  CHECK(done.results[0]->status == "4.4.2");
}

TEST_CASE("send client: a connection that is lost earlier settles nobody", "[smtp-client]") {
  const Dialogue done =
      run_script({kGreeting, kPlainHello, {kMail, "250 ok\r\n"}, {rcpt("b"), "250 ok\r\n"}});
  REQUIRE(done.broken);
  CHECK_FALSE(done.broken->after_data);
  CHECK_FALSE(done.results[0]);
}

TEST_CASE("send client: nothing that came before TLS is heard under it", "[smtp-client]") {
  const auto secured = [](std::string reply, std::vector<Turn> further) {
    std::vector<Turn> turns{kGreeting,
                            {"EHLO us.example\r\n", "250-them.test\r\n250 STARTTLS\r\n"},
                            {"STARTTLS\r\n", std::move(reply)}};
    turns.insert(turns.end(), further.begin(), further.end());
    Dialogue dialogue{.script = {std::move(turns), std::string::npos, {}},
                      .envelope = envelope({"b@them.test"})};
    dialogue.start_tls = true;
    talk(dialogue);
    return dialogue;
  };
  const Dialogue injected = secured("220 go\r\n250 them.test\r\n", {});
  REQUIRE(injected.broken);
  CHECK(injected.broken->kind == BrokenKind::kProtocol);
  CHECK(secured("454 4.7.0 not now\r\n", {}).broken->kind == BrokenKind::kTls);

  // What was offered in the clear is forgotten.
  const Dialogue good = secured("220 go\r\n", {{"EHLO us.example\r\n", "250 them.test\r\n"},
                                               {kMail, "250 ok\r\n"},
                                               {rcpt("b"), "250 ok\r\n"},
                                               {"DATA\r\n", "354 go\r\n"},
                                               {kStuffed, "250 ok\r\n"},
                                               kQuit});
  CHECK_FALSE(good.peer.starttls);
  CHECK(good.results[0]->kind == Kind::kRelayedBlind);
}

TEST_CASE("send client: 421 ends the session wherever it comes", "[smtp-client]") {
  const Dialogue done = run_script({kGreeting, kPlainHello, {kMail, "421 4.3.2 going down\r\n"}});
  REQUIRE(done.broken);
  CHECK(done.broken->kind == BrokenKind::kRefused);
  CHECK_FALSE(done.results[0]);
}
