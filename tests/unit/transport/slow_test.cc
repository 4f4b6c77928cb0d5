// Peers that take their time: clients, and store workers.
#include <catch2/catch.hpp>

#include "tests/unit/transport/rig.h"

using namespace hauspost;
using namespace hauspost::transport;
using namespace hauspost::transport::test;

namespace {

// Lets `pause` pass before each piece of `piece` octets; at the end it times out or hangs up.
class SlowStream final : public Stream {
 public:
  SlowStream(HandClock& clock, Seconds pause, std::string input, std::size_t piece)
      : clock_(clock), pause_(pause), input_(std::move(input)), piece_(piece) {}

  Task<Result<std::size_t>> read_some(std::span<char> into) override {
    clock_.pass(pause_);
    const std::size_t count = std::min({into.size(), piece_, input_.size() - at_});
    if (count == 0) co_return fail(ErrorCode::kTimeout, "read: timed out");
    std::copy_n(input_.data() + at_, count, into.data());
    at_ += count;
    co_return count;
  }
  using Stream::write;
  Task<Result<>> write(std::span<const std::string_view> parts) override {
    for (const std::string_view part : parts) output += part;
    co_return Result<>{};
  }
  Task<Result<Wake>> wait_input(Signal&, Duration) override { co_return Wake::kInput; }
  void set_timeout(Duration timeout) override { timeouts.push_back(timeout); }
  void close() noexcept override {}

  std::string output;
  std::vector<Duration> timeouts;

 private:
  HandClock& clock_;
  Seconds pause_;
  std::string input_;
  std::size_t piece_;
  std::size_t at_ = 0;
};

const std::string kStart = "MAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n";
const std::string kTimedOut = "421 4.4.2 mail.example.org Timeout, closing connection\r\n";

}  // namespace

TEST_CASE("receive: a silent client hears 421") {
  Rig rig;
  SlowStream stream(rig.clock, Seconds(0), "MAIL FROM:<>\r\n", 100);
  CHECK(rig.wait_for(serve_smtp(stream, rig.anonymous(), rig.services())) == SessionEnd::kInOrder);
  CHECK(stream.output == "250 2.1.0 Ok\r\n" + kTimedOut);
  CHECK(stream.timeouts == std::vector<Duration>{Seconds(300)});
}

TEST_CASE("receive: contents must come at the least rate") {
  const std::string message(200'000, 'x');
  {
    Rig rig;
    SlowStream slow(rig.clock, Seconds(1), kStart + message + "\r\n.\r\n", 400);
    rig.wait_for(serve_smtp(slow, rig.anonymous(), rig.services()));
    CHECK(slow.output.ends_with(kTimedOut));
    CHECK(rig.workers["DB1"]->inbox(rig.anna).empty());
  }
  Rig rig;
  SlowStream fast(rig.clock, Seconds(1), kStart + message + "\r\n.\r\n", 600);
  rig.wait_for(serve_smtp(fast, rig.anonymous(), rig.services()));
  CHECK(rig.workers["DB1"]->inbox(rig.anna).size() == 1);
  CHECK(fast.timeouts == std::vector<Duration>{Seconds(300), Seconds(60), Seconds(300)});
}

TEST_CASE("receive: no session lasts for ever") {
  Rig rig;
  SlowStream stream(rig.clock, Seconds(290),
                    "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n"
                    "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n",
                    6);
  CHECK(rig.wait_for(serve_smtp(stream, rig.anonymous(), rig.services())) == SessionEnd::kInOrder);
  CHECK(std::count(stream.output.begin(), stream.output.end(), '\n') == 13);
  CHECK(stream.output.ends_with("Session too long, closing connection\r\n"));
}

TEST_CASE("receive: a worker that does not answer costs a bounded wait, then the queue has it") {
  Rig rig;
  rig.limits.delivery_timeout = Milliseconds(50);
  rig.stop_worker("DB1");
  UnixAcceptor deaf(rig.io.get_executor(),
                    asio::local::stream_protocol::endpoint(rig.socket_of("DB1")));
  const std::string said = rig.pipe(rig.anonymous(), kStart + "\r\nx\r\n.\r\n");
  CHECK(said.find("\r\n250 2.0.0 Ok, id ") != std::string::npos);
  CHECK(rig.queue->list("Delivery/DB1").size() == 1);
}

TEST_CASE("queue: what the store refuses leaves nothing behind") {
  Rig rig;
  Envelope too_much;
  too_much.delivery = Guid::random();
  too_much.sender = std::string(store::kAnnotationMax, 's');  // no store takes such an annotation
  too_much.recipients = {{"x@example.com"}};
  Envelope good;
  good.delivery = too_much.delivery;
  good.recipients = too_much.recipients;
  CHECK_FALSE(rig.wait_for(
      rig.queue->enqueue({{{NextHop::Kind::kDatabase, "DB1", {}}, good}, {NextHop{}, too_much}},
                         std::make_shared<const std::string>("\r\n"))));
  CHECK(rig.queue->list().empty());
}
