// Feeds a client's bytes through the reader, whole or in pieces, and notes what it said.
#pragma once

#include <catch2/catch.hpp>

#include <string>
#include <vector>

#include "protocols/imap/command_parser.h"

namespace hauspost::imap {

struct Read {
  std::vector<CommandReader::Event> events;  // all but kNeedMore
  std::vector<RawCommand> commands;
  std::string tag;
  bool append = false;
};

inline Read read_pieces(std::string_view bytes, std::size_t piece, const Limits& limits = {}) {
  CommandReader reader(limits);
  Read read;
  while (!bytes.empty()) {
    const auto step = reader.feed(bytes.substr(0, piece));
    REQUIRE(step.consumed > 0);
    bytes.remove_prefix(step.consumed);
    if (step.event == CommandReader::Event::kNeedMore) continue;
    read.events.push_back(step.event);
    read.tag = reader.tag();
    read.append = reader.is_append();
    if (step.event == CommandReader::Event::kCommand) read.commands.push_back(reader.take());
    if (step.event == CommandReader::Event::kFatal) break;
  }
  return read;
}

// One command, read whole and byte by byte: both must give the same.
inline RawCommand read_one(std::string_view bytes, const Limits& limits = {}) {
  Read whole = read_pieces(bytes, bytes.size(), limits);
  Read bitwise = read_pieces(bytes, 1, limits);
  REQUIRE(whole.events == bitwise.events);
  REQUIRE(whole.commands.size() == 1);
  REQUIRE(bitwise.commands.size() == 1);
  REQUIRE(whole.commands[0].text == bitwise.commands[0].text);
  REQUIRE(whole.commands[0].literals.size() == bitwise.commands[0].literals.size());
  for (std::size_t i = 0; i < whole.commands[0].literals.size(); ++i)
    REQUIRE(*whole.commands[0].literals[i] == *bitwise.commands[0].literals[i]);
  return whole.commands[0];
}

inline ParsedCommand parse_line(std::string_view line, const Limits& limits = {}) {
  return parse_command(read_one(std::string(line) + "\r\n", limits), limits);
}

// The arguments of a command that must parse.
template <class Request>
Request parse_as(std::string_view line) {
  ParsedCommand parsed = parse_line("t " + std::string(line));
  INFO(line);
  if (!parsed.command) FAIL(parsed.command.error().text << " at " << parsed.command.error().offset);
  return std::get<Request>(std::move(parsed.command->arguments));
}

inline ParseError parse_error(std::string_view line, const Limits& limits = {}) {
  ParsedCommand parsed = parse_line("t " + std::string(line), limits);
  INFO(line);
  REQUIRE_FALSE(parsed.command);
  return parsed.command.error();
}

}  // namespace hauspost::imap
