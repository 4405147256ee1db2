"""Which of our languages a caller's words are in, and when a call should follow them.                        pure

Made for transcripts of telephone speech: short, without accents or capitals one can trust, with fillers, names and
digits in them. The score of a language adds up, each word once however often it is said:

1. words that only one of the languages has: a *clear* one decides alone (`hola`), a *plain* one needs a second
   (`table`), a *slight* one, to be found in names and brands, needs company (`la`, `two`); accents do not matter;
2. Chinese words in the same three classes; the characters of no class, most of them names, count least;
3. an inverted mark (`¿`, `¡`), as one plain Spanish word;
4. how words in no list look (`-ing`, `-ción`). It only breaks ties: names look like something, too.

What stays below `LEAST_SCORE`, or does not lead by `MARGIN`, is undecidable: None. There is no fourth language:
Portuguese may pass for Spanish; what is written in kana, Hangul or Cyrillic is None.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

Language = Literal["en", "es", "zh"]

LEAST_SCORE = 1.5
"""Of listed words; below it no language is named."""
MARGIN = 1.25
"""How many times the runner-up's score the winner's must be."""
LONG_WORDS = 5
"""A sentence this long, if clear, changes the call's language by itself; a Han character is half a word."""
CLEAR_SCORE = 3.0
"""What a long sentence must reach to be clear ..."""
CLEAR_MARGIN = 3.0
"""... and how many times the runner-up's score."""
PAIR_WORDS = 3
"""Two utterances in a row change the call's language if they have so many words together."""

_CLEAR, _PLAIN, _SLIGHT, _NAME_LIKE, _LOOK = 2.0, 1.0, 0.5, 0.3, 0.25
_LOOKS_AT_MOST = 1.0

_COURTESY_WORDS = """
    hello hi thanks thank you goodbye bye please sorry 你好 您好 谢谢 謝謝 再见 再見 喂
    much very hola gracias buenas buenos dias tardes noches adios por favor perdon muchas mucho muy
"""
_COURTESIES = frozenset(_COURTESY_WORDS.split())
"""Said by people who do not speak the language: they name it, but a call does not change for them alone."""

_ENGLISH = {
    _CLEAR: """
        hello hi thanks thank goodbye please yes yeah yep nope what when where who why how which would could should
        want wants wanted wanna need needs you your yours this that these those there they them their with tomorrow
        yesterday tonight today morning afternoon evening english speak speaking something anything nothing someone
        everything because about also already always again reschedule received monday tuesday wednesday thursday
        friday saturday anyone somebody anybody looking calling trying having going getting doing asking making taking
        working waiting gonna dont cant im ive didnt doesnt wont isnt whats
    """,
    _PLAIN: """
        able absolutely account actually address after ago all allergic allergies am angry another answer any anymore
        apartment appointment are around arrival arrive arrived arriving ask at attorney available baby back bag bags
        balance be been before between bill birthday black blue book booked booking both bought boy breakfast bring
        broken brother brunch bucks but buy by call callback called came can cancel canceled cancelled car card cat
        cents change changed charge charged charges cheap check checkout child children close closed closes comes
        confirm confirmed connect connected correct cost cough credit customer damaged daughter day days december
        definitely delivery describe details did dinner discount dishwasher do does dog dollars done dose double down
        drop dropped dryer during each early eat electrician engine enough every everyone exactly exchange excuse
        expensive explain extension eye father february fee fees fever few find fine flight flood flooded food for
        forget forgot found fridge friend from furnace garbage gave get gets girl give given goes good got great green
        guess guests guys had half happen happened have headache hear heard heat heater help her here his hold home
        hope hour hours human hurt hurts husband i if information instead insurance interested into invoice is issue
        it january july just keep key keys kids kind know landlord last late later lawyer leak leaking lease least
        leave left leg less let lights like liked little loan located location login long look looks lost loud love
        luggage lunch made make makes man manager many maybe means membership message met midnight minute minutes
        missed missing moment money month more mortgage most mother move moved much my myself name never next nice
        night nights noise noon not november now number nurse october off office oil on only open opens or order
        ordered other our out outdoor over package paid pain parking party password past pay payment people person
        pharmacy phone pick pickup pills plumber possible prescription press price problem put quarter question quick
        quickly quiet ready really receipt refill refund renew rent repair repeat representative reservation return
        returned ridiculous right room run running runs said same say says schedule scheduled school see seen sell
        send sent september service she shipped shipping shop short sick sign signed since sister size slowly smell
        smoke some somehow sometimes somewhere soon sorry sounds spell spelled start stay staying still stop stopped
        store stuck stuff subscription sunday support sure surgery table take talk teeth tell terrible than the then
        thing things think though throat through ticket time times tire tires to told too tooth tracking trash tried
        try turn turned under understand until up update updated upgrade upset us use used username usually vegan
        vegetarian very voicemail wait was washer water we website week weekend welcome went were whether while white
        wife window within without woman wonderful wondering work worked works wrong year yet yourself 't 'd 've 'll
        're 'm
    """,
    _SLIGHT: """
        of and in as an so go one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
        march april june august bank bye top free city park center mr mrs miss will new old high low big lots
        street road house power first mean well pm 's
    """,
}
_SPANISH = {
    _CLEAR: """
        hola gracias buenas bueno quiero quisiera quisieramos necesito necesita necesitamos puedo puede pueden podemos
        podria podrian quiere quieren queremos tengo tiene tienen tenemos tenia donde cuando cuanto cuanta cuantos
        cuantas cual cuales quien porque tambien manana ayer hoy espanol castellano hablar habla hablo hablan hablas
        estoy estan estamos estaba usted ustedes nosotros nosotras ellos mucho muchos muchas muy pero ahora ahorita
        entonces todavia despues siempre nunca nadie algo alguien llamo llamar llamando llamaba reserva reservar
        reservacion cancelar cambiar pagar comprar hacer decir saber ayuda ayudar ayudarme tarjeta cuenta pedido
        factura lunes miercoles jueves viernes sabado oiga digame disculpe perdon perdone espere repetir dias tardes
        noches senor senora hacia desde hasta aqui alli ahi bien adios trabajo trabajan abren cierran abre cierra
        gustaria ninguno ninguna vamos voy hablarle dejar recoger perdi
    """,
    _PLAIN: """
        abierta abierto abiertos abogado aceite actualizar acuerdo agente agosto agua alergia alergica alergico algun
        alguna algunos almorzar almuerzo alquilar alquiler amiga amigo analisis ano anos antes aparcamiento aparcar
        apellido asi atender aun aunque avisar ayudame azul bajar banco barato blanco boleto boletos buenos busca
        buscando buscar busco buzon cabeza cada calefaccion calle cambio cargo caro carro casa cena cenar centavos
        cerca cerrada cerrado cierto cirugia cita citas claro clave cliente cobrado cobraron cobro coche colgar comer
        comida como comprada comprado compre comprobante comunicame comunicar comunicarme comuniqueme con confirmar
        confirmo consulta consultar contra contrasena correcta correcto correo cortaron cosa cosas cree creo cuarto
        cuesta cuestan cuidado cumpleanos dame danada danado dar darme deberia decirme dejaron dejo deme dentista
        dentro departamento desayuno descuento despacio detalles devolucion devolver dia dicen diciembre dientes
        dieron diga digo dijeron dijo dinero dio direccion doctora dolares dolor doy duele durante electricidad
        electricista empezar empieza encargada encargado encontrar encuentro enero enferma enfermera enfermo enojado
        entender entiende entiendo entrada entrar entre enviar enviarme enviaron envio equipaje eran eres es esa esas
        escuela ese eso esos espalda esperando esperar esperen espero esposa esposo esta estacionamiento estado estar
        estas este estos euros exactamente exacto falla falta familia farmacia febrero fecha fiebre fontanero forma
        fue fueron fuga fui funciona garganta gente gerente gusta gustan haber habia habitacion hablando hace hacen
        haciendo haga hagame han haria hay hecho hemos hermana hermano hice hija hijo hijos hipoteca hizo hora horas
        hospedarme hubo huespedes humano iba igual informacion interesa junio lado lamento lavadora leche lejos lista
        listo llama llamada llamadas llamaron llame llamen llantas llave llaves llega llegado llegan llegar llego
        lleva llevar luego madre maleta maletas mandar mandarme mandaron manera marcar marido martes marzo mas
        medianoche medica medicina medico mediodia mejor menos mensaje mes mesa mesas mia mientras minuto minutos mio
        mirar mire misma mismo molesta molesto momento muela mujer nada negro nevera nina nino ninos noche nombre
        nombres noviembre nuestra nuestro nueva nuevo numero octubre ocurrio oficina ojo ojos olvide operador
        operadora otra otras otro otros oye padre pagado pagina pago pagos pague paquete paquetes para parece parte
        pasa pasar paseme pastillas pedi pedimos pedir pensaba peor pequeno perdida perdido perfecto persona
        personas pesos pido pienso piso plomero poca poco pocos poner pongame por precio pregunta preguntar prestamo
        primera primero problema problemas pronto pues que queda quedan quedar quede queria queriamos quise quitar
        rapido rato receta recibi recibido recibo reclamar reclamo recordar reembolso refrigerador registrar renovar
        reportar reservada reservado respuesta resultados rojo rompio rota roto sabe sabes saldo salgo salir segun
        segundo seguro semana septiembre ser sera seria servicio sido siento sigo sigue siguiente sino sirve sobre
        solicitar solicito somos soy subir supuesto suscripcion suyo talla tampoco tan tanto tarde techo telefono
        temprano tendria tener tengan termina terminar tiempo tienda toda todas todo todos tomar tos trabajar traer
        transferir tuve ubicacion ubicados ultima ultimo una unas unos urgente usuario vacuna vacunas veces
        vegetariana vengo venir ventana veo ver verdad verde veterinario vez viene vienen vino vivimos vivo volver
        vuelo vuelos vuelva vuelvo ¿ ¡
    """,
    _SLIGHT: """
        el la los las un de del en y o lo le les se su sus mi mis tu tus te nos ni si ya sea favor cero uno dos tres
        cuatro cinco seis siete ocho nueve diez doce trece catorce quince dieciseis diecisiete dieciocho diecinueve
        veinte veintiuno veinticinco treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento mil
        domingo abril julio ella buen gran luz va da ingles vale alo
    """,
}
_CHINESE = {
    _CLEAR: """
        你好 您好 谢谢 謝謝 再见 再見 喂 预约 預約 预订 預訂 取消 中文 普通话 普通話 国语 國語 客服 人工 明天 今天
        昨天 后天 後天 什么 什麼 怎么 怎麼 可以 没有 沒有 不是 不要 不用 帮我 幫我 请问 請問 麻烦 麻煩 对不起
        對不起 为什么 為什麼 多少 几点 幾點 现在 現在 知道 不好意思 电话 電話 号码 號碼 订单 訂單 退款 快递 快遞
        付款 账户 帳戶 地址 营业 營業 上午 下午 晚上 早上 星期 礼拜 禮拜 等一下
    """,
    _PLAIN: """
        我 你 您 他 她 们 們 是 的 吗 嗎 呢 吧 啊 了 要 想 有 没 沒 不 在 请 請 什 怎 么 麼 可 能 会 會 给 給 帮 幫
        个 個 这 這 那 哪 几 幾 多 谁 誰 好 谢 謝 对 對 把 被 和 跟 就 都 也 还 還 很 太 到 从 從 说 說 讲 講 听 聽
        看 问 問 等 找 订 訂 买 買 卖 賣 付 退 换 換 点 點 号 號 张 張 位 今 明 昨 天 晚 早 午 时 時 候 过 過 去 来
        來 为 為 但 因 所 以 得 着 著 让 讓 应 應 该 該 已 经 經 叫 用 改 送 收 需 确 確 认 認 询 詢 修 只 吃 饭 飯
        钱 錢 话 話 块 塊 里 裡 后 後 做 打 开 開 关 關 车 車 单 單 坏 壞 寄 两 兩 家 人 前 下 上 再 又 或 如 果 觉
        覺 行
    """,
}


def _weights(language: Language, listed: dict[float, str]) -> dict[str, tuple[Language, float]]:
    return {word: (language, weight) for weight, words in listed.items() for word in words.split()}


_PAIRS: dict[str, tuple[Language, float]] = dict.fromkeys(("a las", "se me", "se le", "no me"), ("es", _PLAIN))
WEIGHTS = {**_weights("en", _ENGLISH), **_weights("es", _SPANISH), **_weights("zh", _CHINESE), **_PAIRS}
"""Word without accents in small letters, or Chinese word -> the only language that has it, and what it counts."""

_STAGE_DIRECTION = re.compile(r"\([^()]{0,40}\)|\[[^\[\]]{0,40}\]|<[^<>]{0,40}>")
_ADDRESS = re.compile(r"[!-~]{1,64}@[!-~]{1,64}")
_ACCENTS = re.compile("[\u0300-\u036f]")
_WORD = re.compile(rf"\b(?:{'|'.join(_PAIRS)})\b|'(?:t|s|d|m|ve|ll|re)\b|[^\W\d_]+|[¿¡]")
_HAN = re.compile("[\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U000323af]")
_CHINESE_WORD = re.compile("|".join(_CHINESE[_CLEAR].split()) + "|" + _HAN.pattern)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_ENGLISH_LOOK = re.compile(r"w|k|th|sh|gh|ck|ee|oo|tt|ss|pp|ff|mm|dd|(?:ing|ed|ly|tion|ment|ness|ry)$")
_SPANISH_LOOK = re.compile(r"rr|qu[ei]|ll[aeo]|(?:cion|ciones|mente|dad|ando|iendo|[ai]d[oa]s?|ar|ir|ero|era)$")


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What one utterance shows."""

    language: Language | None = None
    words: int = 0
    clear: bool = False
    """Whether it could change a call's language by itself if it is long enough."""
    substance: bool = False
    """Whether it has a listed word that is more than a courtesy."""


def detect(text: str) -> Language | None:
    """The language of what a caller said.

    Args:
        text: a transcript, any text at all, also empty. Case, accents, punctuation, digits, mail addresses and stage
            directions such as `(laughs)` do not matter.

    Returns:
        None when it cannot be told: `OK`, `12345`, `no`, `Maria`, `Madrid`, a mixture of equal parts.
    """
    return _weigh(text).language


class LanguageFollower:
    """Follows the caller's language through a call, and not every word of it.

    A call changes to another language for one long clear sentence, or for two utterances in a row in the same language
    that have `PAIR_WORDS` words together and are more than courtesies; never for one short word. An utterance in the
    call's own language begins the count anew; an undecidable one changes nothing. When the call's language is chosen in
    some other way, by a key or by the agent, a new follower begins.
    """

    def __init__(self, language: Language) -> None:
        self._language = language
        self._pending = _Evidence()

    @property
    def language(self) -> Language:
        """The call's language."""
        return self._language

    def hear(self, text: str) -> Language | None:
        """Hear one final transcript of the caller's; call it once for each, in order.

        Returns:
            The call's new language (`language` is it already), None when it stays as it is.
        """
        heard, before = _weigh(text), self._pending
        if heard.language is None:
            return None
        if heard.language == self._language:
            self._pending = _Evidence()
            return None
        alone = heard.clear and heard.words >= LONG_WORDS and heard.substance
        in_a_row = before.language == heard.language and (before.substance or heard.substance)
        together = in_a_row and before.words + heard.words >= PAIR_WORDS
        if not alone and not together:
            self._pending = heard
            return None
        self._language, self._pending = heard.language, _Evidence()
        return heard.language


def _weigh(text: str) -> _Evidence:
    plain = _plain(text)
    scores: dict[Language, float] = {"en": 0.0, "es": 0.0, "zh": 0.0}
    looks: dict[Language, float] = {"en": 0.0, "es": 0.0, "zh": 0.0}
    substance = False
    han = [] if _KANA.search(plain) else _CHINESE_WORD.findall(plain)
    latin = _WORD.findall(_HAN.sub(" ", plain))
    for word in {*han, *latin}:
        listed = WEIGHTS.get(word)
        if listed is not None:
            scores[listed[0]] += listed[1]
            substance |= word not in _COURTESIES and listed[1] > _SLIGHT
        elif _HAN.match(word):
            scores["zh"] += _NAME_LIKE
        else:
            looks["en"] += _LOOK if _ENGLISH_LOOK.search(word) else 0.0
            looks["es"] += _LOOK if _SPANISH_LOOK.search(word) else 0.0
    if max(scores.values()) < LEAST_SCORE:
        return _Evidence()
    total = {each: scores[each] + min(looks[each], _LOOKS_AT_MOST) for each in scores}
    second, best = sorted(total, key=total.__getitem__)[1:]
    if total[best] < MARGIN * total[second]:
        return _Evidence()
    clear = total[best] >= max(CLEAR_SCORE, CLEAR_MARGIN * total[second])
    words = sum(word.isalpha() for word in latin) + (sum(map(len, han)) + 1) // 2
    return _Evidence(best, words, clear, substance)


def _plain(text: str) -> str:
    """Small letters without accents, stage directions and mail addresses; any spelling of a character becomes one."""
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.upper()).replace("\u2019", "'"))
    text = text.upper().casefold()
    return _ADDRESS.sub(" ", _STAGE_DIRECTION.sub(" ", text))
