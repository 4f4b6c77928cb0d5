#include "tools/cli/ask_network.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/task_group.h"
#include "base/text.h"

namespace hauspost::cli {

namespace {

constexpr Milliseconds kDnsTimeout{1'500};  // of the first try
constexpr std::uint32_t kDnsTries = 2;
constexpr Seconds kDnsPatience{8};
constexpr std::uint16_t kSmtpPort = 25;
constexpr std::size_t kGreetingBytesMax = 512;

struct Network {
  Network(Executor on, NetworkWish given)
      : executor(on), wish(std::move(given)), resolver(on, options_of(wish), limits()), tasks(on) {}

  static dns::ResolverOptions options_of(const NetworkWish& wish) {
    dns::ResolverOptions out = wish.resolver;
    out.timeout = kDnsTimeout;
    out.tries = kDnsTries;
    return out;
  }
  static dns::ResolverLimits limits() {
    dns::ResolverLimits out;
    out.deadline = kDnsPatience;
    return out;
  }

  Executor executor;
  NetworkWish wish;
  dns::CaresResolver resolver;
  NetworkAnswers answers;
  TaskGroup tasks;
};

Task<void> ask_question(Network& network, DnsQuestion question) {
  auto answer = co_await network.resolver.records(question.name, question.type);
  network.answers.dns.answers[question] = std::move(answer);
}

Task<void> ask_spf(Network& network, std::string domain, std::string address) {
  auto verdict = co_await mailauth::check_spf(network.resolver, {.client = address,
                                                                 .helo = network.wish.hostname,
                                                                 .sender = "postmaster@" + domain,
                                                                 .receiver = network.wish.hostname,
                                                                 .now = system_clock().now()});
  network.answers.dns.spf.push_back({domain, address, verdict.result, verdict.problem});
}

bool greets(std::string_view service) {
  return service == "smtp" || service == "submission" || service == "imap" || service == "pop3";
}

Task<std::error_code> connect_to(TcpSocket& socket, asio::ip::tcp::endpoint where) {
  std::error_code code;
  co_await socket.async_connect(where, asio::redirect_error(kUseTask, code));
  co_return code;
}

// The first line; empty when none came.
Task<std::string> read_greeting(TcpSocket& socket) {
  std::string line;
  while (line.size() < kGreetingBytesMax && line.find('\n') == std::string::npos) {
    char bytes[256];
    std::error_code code;
    const std::size_t got =
        co_await socket.async_read_some(asio::buffer(bytes), asio::redirect_error(kUseTask, code));
    if (code) break;
    line.append(bytes, got);
  }
  co_return line.substr(0, line.find_first_of("\r\n"));
}

// Closes the socket when time is up, which ends what waits for it.
Task<void> try_reach(Network& network, std::size_t index) {
  ReachFacts& facts = network.answers.reach[index];
  std::error_code code;
  const auto address = asio::ip::make_address(facts.address, code);
  if (code) {
    facts.error = "not an address";
    co_return;
  }
  TcpSocket socket(network.executor);
  Deadline deadline(network.executor, [&socket] {
    std::error_code ignored;
    socket.close(ignored);
  });
  deadline.start(kConnectPatience);
  code = co_await connect_to(socket, {address, facts.port});
  if (code) {
    facts.error = deadline.expired() ? "no answer" : code.message();
    co_return;
  }
  facts.connected = true;
  if (greets(facts.service)) facts.greeting = co_await read_greeting(socket);
}

struct Target {
  std::string host;
  std::uint16_t port = kSmtpPort;
};

// "host", "host:port", "[2001:db8::1]:25".
Target parse_target(const std::string& text, std::uint16_t usual_port) {
  Target out{text, usual_port};
  const auto colon = text.rfind(':');
  const bool one = colon != std::string::npos &&
                   (text.find(':') == colon || (colon > 0 && text[colon - 1] == ']'));
  if (const auto port = one ? parse_u64(text.substr(colon + 1)) : std::nullopt;
      port && *port > 0 && *port <= 65535) {
    out.host = text.substr(0, colon);
    out.port = static_cast<std::uint16_t>(*port);
  }
  if (out.host.starts_with('[') && out.host.ends_with(']'))
    out.host = out.host.substr(1, out.host.size() - 2);
  return out;
}

// An address to connect to; empty: the name has none, and `error` says so.
Task<std::string> address_of(Network& network, const std::string& host, std::string& error) {
  std::error_code code;
  asio::ip::make_address(host, code);
  if (!code) co_return host;
  for (const dns::RecordType type : {dns::RecordType::kA, dns::RecordType::kAaaa}) {
    const auto answer = co_await network.resolver.records(host, type);
    if (answer.found()) co_return answer.records.front();
  }
  error = host + " has no address in the DNS";
  co_return std::string();
}

Task<void> try_outbound(Network& network) {
  constexpr std::string_view kByMx = "mx:";
  OutboundFacts& facts = network.answers.outbound;
  std::string wanted = network.wish.outbound;
  facts.tried = true;
  facts.error = "no answer";  // unless one comes in time
  if (wanted.starts_with(kByMx)) {
    const auto mx = co_await network.resolver.mx(wanted.substr(kByMx.size()));
    if (!mx.found() || mx.records.empty()) {
      facts.tried = false;  // the resolver's fault is told elsewhere
      co_return;
    }
    wanted = mx.records.front().host;
  }
  const Target target = parse_target(wanted, kSmtpPort);
  facts.target = fmt::format("{} port {}", target.host, target.port);
  std::string error;
  const std::string address = co_await address_of(network, target.host, error);
  if (address.empty()) {
    facts.error = error;
    co_return;
  }
  TcpSocket socket(network.executor);
  Deadline deadline(network.executor, [&socket] {
    std::error_code ignored;
    socket.close(ignored);
  });
  deadline.start(kConnectPatience);
  const auto code = co_await connect_to(socket, {asio::ip::make_address(address), target.port});
  if (!code) {
    facts.error.clear();
  } else if (!deadline.expired()) {
    facts.error = code.message();
  }
}

Task<void> stop_in_time(TaskGroup& tasks, Executor executor, bool& done) {
  Timer timer(executor, kNetworkPatience);
  while (!done && timer.expiry() > std::chrono::steady_clock::now())
    (void)co_await sleep_for(Milliseconds(20));
  tasks.stop();
}

Task<void> wait_for_all(TaskGroup& tasks, bool& done) {
  co_await tasks.join();
  done = true;
}

void start_all(Network& network) {
  const NetworkWish& wish = network.wish;
  if (wish.dns) {
    for (const DnsQuestion& question : wish.questions)
      network.tasks.spawn("doctor.dns", ask_question(network, question));
    for (const auto& [domain, address] : wish.spf)
      network.tasks.spawn("doctor.spf", ask_spf(network, domain, address));
  }
  for (std::size_t i = 0; i < network.answers.reach.size(); ++i)
    network.tasks.spawn("doctor.reach", try_reach(network, i));
  if (!wish.outbound.empty()) network.tasks.spawn("doctor.outbound", try_outbound(network));
}

constexpr std::uint16_t kNtpPort = 123;
constexpr std::size_t kSntpBytes = 48;
constexpr std::uint64_t kNtpToUnix = 2'208'988'800;  // RFC 4330 section 3

double ntp_time(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return static_cast<double>(value >> 32) - static_cast<double>(kNtpToUnix) +
         static_cast<double>(value & 0xffffffffU) / 4294967296.0;
}

double now_in_seconds() {
  return std::chrono::duration<double>(system_clock().now().time_since_epoch()).count();
}

}  // namespace

NetworkAnswers ask_network(NetworkWish wish) {
  asio::io_context io(1);
  Network network(io.get_executor(), std::move(wish));
  network.answers.reach = network.wish.reach;
  network.answers.dns.asked = network.wish.dns;
  network.answers.dns.servers = network.resolver.servers();
  network.answers.dns.trusts_ad = network.resolver.trusts_ad();
  start_all(network);
  bool done = false;
  TaskGroup watch(io.get_executor());
  watch.spawn("doctor.wait", wait_for_all(network.tasks, done));
  watch.spawn("doctor.patience", stop_in_time(network.tasks, io.get_executor(), done));
  while (watch.size() != 0 && io.run_one() > 0) {
  }
  return std::move(network.answers);
}

ClockFacts ask_time(const std::string& server) {
  ClockFacts facts;
  facts.asked = server;
  const Target target = parse_target(server, kNtpPort);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(target.port);
  if (::getaddrinfo(target.host.c_str(), port.c_str(), &hints, &found) != 0) {
    facts.error = "no such host";
    return facts;
  }
  const int fd = ::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  std::uint8_t packet[kSntpBytes] = {0x23};  // version 4, client
  const double before = now_in_seconds();
  const bool sent = fd >= 0 &&
                    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
                    ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 &&
                    ::send(fd, packet, sizeof packet, 0) == static_cast<ssize_t>(sizeof packet);
  ::freeaddrinfo(found);
  const ssize_t got = sent ? ::recv(fd, packet, sizeof packet, 0) : -1;
  const double after = now_in_seconds();
  if (fd >= 0) ::close(fd);
  // Server mode, a stratum that is one, and a time.
  const bool good = got == static_cast<ssize_t>(kSntpBytes) && (packet[0] & 7) == 4 &&
                    packet[1] >= 1 && packet[1] <= 15 && ntp_time(packet + 40) > 0;
  if (!good) {
    facts.error = got < 0 ? "no answer" : "its answer is not one of a server that knows the time";
    return facts;
  }
  // Section 5, with the delay taken as the same both ways.
  facts.offset_s = (before + after) / 2 - (ntp_time(packet + 32) + ntp_time(packet + 40)) / 2;
  return facts;
}

}  // namespace hauspost::cli
