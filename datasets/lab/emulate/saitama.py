"""An implant like Saitama: A only, three domains at random, base36 by a shuffled alphabet, long sleeps.

From M. Groot and R. van Luijk, "Detecting DNS implants: Old kitten, new tricks - A Saitama Case Study"
(Fox-IT / NCC Group, 2022) and Malwarebytes' two articles of May 2022: a name is a message and a counter
of base36 before one of three domains; the alphabet of the message is shuffled by a generator that the
counter seeds; commands come four octets an answer; 116 questions in 2.65 hours were recorded there.
"""

import random

from wire import Exchange, a, under

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
COUNTER = "razupgnv2w01eos4t38h7yqidxmkljc6b9f5"
MESSAGE, CARRIED = 26, 14  # digits of a message; octets in it beside a number of two


def digits(number, alphabet, width):
    text = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        text = alphabet[digit] + text
    return text


def number(text, alphabet):
    value = 0
    for letter in text:
        value = value * 36 + alphabet.index(letter)
    return value


def shuffled(counter):
    alphabet = list(LETTERS)
    random.Random(counter).shuffle(alphabet)
    return "".join(alphabet)


class Saitama:
    def __init__(self, domains, gap=59.0, hours=5.0):
        self.domains, self.gap, self.hours = domains, gap, hours
        self.first = 7805  # counters begin anywhere

    def speak(self, up, down, pick, clients):
        parts = [up[n:n + CARRIED] for n in range(0, len(up), CARRIED)]
        told = [down[n:n + 4] for n in range(0, len(down), 4)]
        at, count = 0.0, 0
        for turn in range(int(self.hours * 3600 / self.gap)):
            counter = self.first + turn
            if turn < len(told):
                # Asks for its orders with a short name, four octets an answer.
                name, answer = digits(turn, shuffled(counter), 5), told[turn].ljust(4, b"\0")
            else:
                part = parts[count % len(parts)] if count < len(parts) else b""
                body = count.to_bytes(2, "big") + part.ljust(CARRIED, b"\0")
                name = digits(int.from_bytes(body, "big"), shuffled(counter), MESSAGE)
                answer, count = a(123, 111, 222, 10 + count % 4), count + 1
                if not part:
                    name = digits(0, shuffled(counter), 4)  # alive, nothing to say
            name += digits(counter, COUNTER, 3)
            yield Exchange(at, clients[0], name.encode() + b"." + pick.choice(self.domains), "A",
                           [(None, "A", answer, pick.randrange(60, 300))])
            at += self.gap * pick.uniform(0.68, 1.32)

    def hear(self, messages):
        parts, told = {}, {}
        for domain in self.domains:
            for name, _ in under(messages, domain):
                text = name.decode()
                counter = number(text[-3:], COUNTER)
                if len(text) == MESSAGE + 3:
                    body = number(text[:-3], shuffled(counter)).to_bytes(CARRIED + 2, "big")
                    parts[body[:2]] = body[2:]
            for name, message in under(messages, domain, answers=True):
                if len(name) == 8:
                    counter = number(name.decode()[-3:], COUNTER)
                    told[counter] = message.answers[0][2]
        # What fills the last part up is not payload; the sender's sizes are known to the reader.
        return tuple(b"".join(part for _, part in sorted(side.items())) for side in (parts, told))
