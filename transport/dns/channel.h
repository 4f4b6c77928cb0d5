// Channel: carries questions to DNS servers and answers back, by c-ares: retries, changes of
// server, TCP where an answer was truncated. It reads no more of an answer than that needs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.h"

namespace hauspost::dns {

// REQUIRES: the thread of `executor`.
class Channel {
 public:
  struct Options {
    std::vector<std::string> servers;  // "192.0.2.53", "[2001:db8::1]:5353"; empty: resolv.conf's
    Duration timeout = std::chrono::seconds(5);  // of the first try; doubled with each round
    int tries = 3;                               // of each server
  };
  // `answer` is empty when no server gave one; otherwise good only during the call.
  using Answered = std::function<void(std::string_view answer)>;

  // Reads /etc/resolv.conf when no servers are given. kInvalid: a server is not an address.
  static Result<std::unique_ptr<Channel>> open(Executor executor, const Options& options);
  // Questions under way are answered empty, at once.
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // `answered` is called once, perhaps before this returns. It must not destroy the channel.
  void ask(const std::string& question, Answered answered);
  std::size_t under_way() const;
  // As they are asked, "192.0.2.53:53".
  std::vector<std::string> servers() const;

 private:
  struct State;
  explicit Channel(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;  // shared with handlers of Asio, which come after the end
};

// Whether `server` is an address, with or without a port.
bool is_server(std::string_view server);
// Its address alone: "[2001:db8::1]:5353" -> "2001:db8::1".
std::string server_address(std::string_view server);

}  // namespace hauspost::dns
