"""Five hundred handwritten digits of 8 × 8 pixels, for small networks to learn."""

from __future__ import annotations

from base64 import b85decode
from zlib import decompress

from ...lesson.matrix import Matrix

SIDE = 8
WHITEST = 16


def load_digits() -> tuple[Matrix, list[int]]:
    """Return rows of 64 pixels from 0.0 (paper) to 1.0 (ink), and the digit of each.

    Source: E. Alpaydin and C. Kaynak, "Optical recognition of handwritten digits", UCI Machine
    Learning Repository (1998), doi 10.24432/C50P49, licence CC BY 4.0: the first 500 of the 1,797
    that scikit-learn's `load_digits` returns.
    """
    pixels = decompress(b85decode("".join(_PIXELS.split())))
    rows = [pixels[i : i + SIDE * SIDE] for i in range(0, len(pixels), SIDE * SIDE)]
    return [[pixel / WHITEST for pixel in row] for row in rows], list(map(int, _DIGITS))


_DIGITS = (
    "01234567890123456789012345678909556509898417735100227820126337334666491509528200"
    "17632174631391768431405369617544728225795488490898012345678901234567890123456789"
    "09556509898417735100227820126337334666491509528200176321731391768431405369617544"
    "72822554884908980123456789012345678901234567890955650989841773510022782012633733"
    "46664915095282001763217463139176843140536961754472822579548849089301234567890123"
    "45678901234567890955650989841773510022782012633733466649150952820017632174631391"
    "76843140536961754472"
)
_PIXELS = r"""
c-mcEiMHH2h_p6alC}8%zcxS>zV6JKnSM!nu_XjWQQ+e!vxP(cXYRhsaikrOyB<d#$5G|A$p1C{^L>PI9Y<WH4}JeR`(ghxX0g}
%Y5J1(bIQxLpC{^{!}BD*p5Iq_KfWMu`@Zz-rLT3?$KH4DTVLwjdVTGA>}S$^o*Vy#AH4Pq_OWwkd5vLC``Wl~yDz!y!T;!0-<Z
p?&&}EJ*EjCts`%qPW3=zJ`z~^odck==^9i^?Tz7o3-9DFLJ&#@ge0C3Zd(VaYyZk@wdP^SmLAjyM^|P1q;P)q%>sa{fV~;E1@9
{6!b8mfTX#2K5SNTQx!RyMmEu<`k{4v+Mw_JC;x2?-@VEvA^u^Qa9qpfOxG1jt=w|>|M(lb`HtG0biPwi9wBkYjuO78~?%pZ-<^
GtlKFWcrYHm<vEyMc7Hn^$1>KPK#=**?qn)uq=ftJ0c&KAZhzzJ{j+yWcT-$8O^Dx>5lP2!mVCuz!B+HH`(klz-pchQ*Dx{VcSO
y|7C&*bT*g;BE21wjU=x-k#lRRP(EI<RiAdnp{YpwP6R(we7-gTRt<yga0A-9m+Y?p5ho2e_yd7L2g6;qwl025TgnDeeIb`cP{k
p*G;?Wwv1&=yKmW!s(-EvW?yNJ;XI#%_pg@~%APoNSgrT>#Q+YRL#)Hef4^j3)l~M=n!Y2g79Sjt2M5&7Lz;W(KbL;MKcup|zD?
{xHzL%rs;x_>Vc*!6e&HOpKFm(?-EZC|>~g|<2lgfOi0ix;4ES96$DPzgzcU8c{kUl;#jZEYfsD8>U8*$i3!k@jltUVpy~?HA^@
n5VzV3F+)6Pp<dSTHoEYj|9P=Xxqfn|HJ4xRf}@n>0Bygv@xz>0Gj=8b*o2kbfp+FirP(#HL+U2Pq&Ar=&LUAL})m}4D0it~cGj
sH&igqvF%-*eLdM&v>U+y)$>?26jy`E*=Z>63=!24%}4|G!>lHjk}i#J3!U+Y>jB-x0Y?6@K$xbiZ>YERVVuT}|BnGkB`;MM>@G
)MN7a!RCpr3kU7&e$bX!Lag`D^HcS6u;?3x-uTA>x6$v+<1`US?gJJz?Vtp)3%ksnni<$S;s5Kp@O6`4$88-G@$KXR)LWwc*%zd
1n1$;8>Gk$y=9!;q8<6GSbRjhe_JUWv9(gr`$WOR8>~$pUc6GC|-<9)y^WbjU|Kjgo_75rRZ^*{XB`Y4qedsxsI9GDeuelOd3E!
7$#_t{U=Nb1GpABy}OVt2Uxj*OA&Wy`}!RE4Qz-9;<&vC!oPbIc5@Ujd2&WVqQjW`qM3Zub3;V_DQLz3fg;`EsT$*)A7O8mfe4j
S6(_&IYkVbf60Wp3)&+b&Gw&$Recj-gi|o2TbKY;oNBiRZ@mNE`-k>TahOj!(61kIV5+ZZNb1{-e}less=l0rR@19f&zk#aBnq-
M+ZOpQVM<Rx40X?yUl~@arW&=*O;=&F`MOnOl}%d(r-m&4YfQ>h3CzW?Q)OyAR-)+05ZwbVT97G3XEc^}6ix^2!6}V&QWRC^FsK
UQrEN{AkuYkgJ)tqwRV9;K@Mh{)e6dUl4{}e;mL^=Uw*6xYzi;oAy-s`vWlRy<c^pxd~pe^RgXq@)*#c9&r0+=*6s~@(V9Luc_V
^-^8wgvm)I_rCWCRE9;N*ULNig9d+?z*WUFX=KpTHU|Bzdar=!Tj~;~cxy`>9qFi~OdsJM294!09V%(FRXuNC$cHo`<+`OH{+xP
V<43u%5aL|Z1;ypLt-C@VF2I}ULT(X|CAg)V)_dd;j^1!|X;BWc)W$=2msORvKtm2e66uFqxV1#wpYS2N>#p_uEaH85BoiX7H1L
7-huhI<5dKkA(0>}isErv`$9&lkPV`)$OWA->CXt~+va<dbg2JEBX7Y!@w0WY`UxdijjPs%a&yk!waVt+CNxS+oqaq^e|>>2w`S
Xeg#*;BA_=i_O~f}!*qp8PuK(XVYd9x%b(y8_2dhiN|?7wk>&uD(A#-PWOK+|c!xkLkgcZOUe-63@(!$D8=Y17UsadWoAe@qE7W
<L9sbydH!bfv|qk{)eAKIK+atUA%trh7Tidqv6@lhkINfFCf2v^A)&Ot_OA_z<4e!&jv0wcbUXN4q6Bt(#>O+{rDkMOS#(#);tY
%kNwCe{1oGq-Y4#xcor#%+-*7SAg%!b1voFCS{wO<EM%mou=oV~DFWkxLx=mzi+Ll?;nj(J#E%55ME%(xenO&$y~=WT+waGKNN8
=t{x2Gq``5HD_d|xC@jDXt>32_jEFjO8xKa*=pMEN=k#jH%#}P;Q&Rm2wfJKLAxszABJ?Y)Hv9hm%><u>|{>k|T0_@BRx!imHfj
Dz7qekK@yJ5LKCeYh%pwQYF<qyJ&@c5?1D?5HPKeWXF;3r{mt$pB$#M^%07!*5yl0QH0;L<k_bO#`A=(JUA18GIW9o*awCkPV%7
#!btc5-;)i3{jh=IenONxsO1@pBm6E)71)whdhe@z;ifuIX9bv>ga%spIp015&t8x}QlngWnZD+qb>Os7qPo^uT|dz_It91jOdQ
1JfY&7m2SOW<}&8E{~2zfl7$!GJHOsWdL?g+uuT1AGTlZygZSmM`%o7alX4dMCLUbL4m~Dc3}Cj|LdXI-iruV3`k>BSxD=i0sQn
Nu4~8lcifKPQ0(I~9)2wYfUHPnhBBCd4g><rSFYRqsKOukDd!{Pqz&^f-SeAlUM<yWaa0T=;8hc{G7pQxhpf8sSl5^a!14mB-w1
H>VGY&xIW>stJf0Y_zQ(-}xC;Ti5f6VvT@kx|5HFcOR37Y3`*-{nr#V&usNlUO{AYll5twBwruKjYrvc~3joZ(TiaT*S_h*uh@M
P|p;HUI@EKZAE={JRD_)M;%+wzw@>F96T8|~&`VsY5IhO-*a6$gltz)zhU*QK!0zAlaNg->PUx=!(DY9K*iEdeX-pzsEOU$24lB
=MV<<Nmn2Uq)UYNnozg>_A0NtdTG1xzHboMZzB9KJg`CpL}m-9uN^u04sL^-6$Wg*e(Ls+xZv1c8AmCPdvN#D2`>9+k)L(Pe=T1
Q}YRpqZte5%;ki^1YdvhrQ(w8cg}79F8hfDDvZj2_+UdoE8SS$IG6~@Co275=K8_>AB%TUU<Y@~dF7XOC4M2Fj00T&m-IFOXCLw
#b1(9|?(p*)N|LR9b^5E(+zR)#@HPtRq-5zH`KZHR?-w4}{RsZ-2IGbqobqQk&!uIul@9fMNHn;)O=q`AJ3cdgzV;xRIq0S$%*c
4rMLXTFn~krpxL@&)x-Wq!y>6nC#mm}U7Edq40WcvN43j09Ke{cGms5dE^&GswKxBY~N^ynp%3T%;-^h(Q{0G+Z8`XVY6ZmD57z
zXofdzt#FmxhexBz3-p58FQ<>mIq`87|u-~v8i7~acI1c2|0iI>B3r1N6F<kg>rG;!I%QXXMt7|*cRbQu1b!+37x1#Q6w&Sw%oS
H5J?!}3IT`YOONMG~Ee9!kd;5tOd{?pXQIbLxqRSKzI#!FVy8|6Tcu-yC<nStEW<@EdTdz+UptSck@+n+x`NE&zHB01S|w2iOvW
RNLOj3s86}tkaOjE41%QZ|-#Qdfd(%9Mb9ba(V@3`+{-fH=@7$ACChJK-}=ia4{PA!RY5b8ZoZ%OAR)i+3_F02Ix`!n66~hxR8)
HlkLsU3m%{RJDxBn<+T#yA5jFtAo+lChorzr(rh{!IoR==jySE=+o!7XMx*?M4Eq}k2mgBcll)!Sgo7dY!TjG@Bj9<yEMe9A*Nq
Q#j=wDE03m>{!*<iH%R>F~4y?z?Ze`Lfvl||`fv6-QEI7U}%)1usUk5PFJhzj;@NUcfEms<GAw3ARvHKN*h?9j$$j^XNH+fsJPy
3s|@42U?1;+>(ap<7G1z!}2OZ4;PB`on)|Fw*FTn*_7&&_h$itFZqmGoTVvgt9|R##g$93nR;=58loGH;ozhnyb9X~hz#neKHYZ
nL}uB-SDO`7^_grvPa<M03RF^y&pJObqWdzeHX%cv<0~T{Q9?>!lCAw339OThD_;HM3ib&-q)>T;m6SB+yBk&QB~H7mN$!X>e~0
Tg>M(%Eg-Q=WoHQJhXG9<6>Bo=L^3x1`1x~Az@E5A$(I__+%JE{eS^n4EX-$%YJUhL*Al*k6&l9_s8Y<$Ctl@2V!~V_Cm+7eGLr
r<(am_%Jxm;0W<O@xfn|n#n0LY#UKH9G7|7!0W9hOVOSVux!i*C(@(knqN4~XC+mLO-#p}_m8WCIN|$7LTopU#IWxPJgmaf~o_5
i%oi8koKWW2odm(`u>BnxQ^M`!fGF%{u#HGf|%Dm<=nm6tO{-!wpEO%Nzl_n)zy1`T=E|T^<`42zXNeO@cA#O*FuqU~!^-FJg`o
k)=e6OAl=R-8>8%8kZLPGO)<|=*jZa+WiVtL)qPvZLq&5?QFv&|tY{KL*&Ua(+1$;;2J`qS~Wss{LG7jAv-_T?Rxe|97?ncs@4^
d}v7<G!P3)N!($2eZS~kVt9a$O78Nepf#qPLRs0`FSQnH)*M`NN14#EMr1nupaRB&EBZEl<9yOQj+uaAfCgb9q$&0JETwV20yNL
zzmbW2;g=m{8_HwE_^gx$Z{OkR05;%(~x!<K-_|Ik$CI@JbDcWP!~_sMqmd%HNFZYpgEwJ-hA|Nz&S{R`}qfL?Lv^|`kD51W8$W
AM%i=>*4Zp<+=Br4K!Hm>asT3HB!uZ2v|9>fNRv2@ZulWN50mEj7+}hM)$(`Q8lb5ocz~04v%tFFaz%6C=6R~^V~1NQPV0ExIWl
c?+IBh~Uc>S(xtn5jlTAjsZQyAB;B<mHzdW@$){6=7*j@&@f9x+!vm?#FZqz-B+J&s|Lq83E`WYb3=0pKGF(99_gP-08bh6m7<t
hE~{YXv}F%d_Gc8Mc}jv%w_MS0JeC*7smmEyUp;lsA_b1mSe<-D#JnpkLnQc8J2s~3;NK;=rEcLR$h&?n$n**EHL=bxPpIuH^d-
P29P+hzPyxRDoxGdoel`;9E{dmbJL0D>_KW$YGy{9lK?X1W#G_CmVH>eFLB(2qpoX5=#pb99|9$)EHf`OWs{_+GuPFY2aVSM@CO
c=ayygZsz*E51j3e5S=2IX!a|KcUdJ+<$=fV4Y43K=~0(Lo`#kJJ-*3HPdAg)5|Xi2!f+*fyE(ol<C1H4g&54-b3u3vL}{t_9DK
yP@&YsF#Ohk;rA}Y!*fj5!@FJY1HwY$n<eI&<&TPTr@jhYFkC8m4)*cd0FH4wJ?#bi@#bOSEBvs~uIKXvep$}L7~dct?=}3Dky+
g`Kkqx5nefJsuH;nzWOe3Q&*D)|-%Vp=csde!0Q#lo-mwsekNG{MFKiKiV1_DYIg~&Wd<e$1EMw4}zcBktf9%xZ-#=cO0l2?9TG
{R=5$ATZ#4c&v$%yh+ua`gH(7`3skIe}`lqdb>tf(I?INGbB(jd4Pmy)8zC&dVw$I1V@z3yrLi}l~RkYKGFfUbcbj)ckev9hSTb
vV$vX8bF!+UKC_xh@8fzxYc>Wf^C@;fRX(Kf{sJvo$POmwW*D84P5go!z|OS;6<l+Y9n9|8so!p8y(L`C3zioZAx|>Z}gOc?TVR
!9fooWXhs0AYV?PK92Ocqc6{3mQ`Eb`{VGG_$}b|QD?6F7~`z7i=mosDXtCP^pt=Iq-lAS30W!xcJV7bV4|;lo|$8JqB-!!+@ZZ
dpZRe%{I2<C=H=hU(+$J5?LD+SH--L<0XkerKeC5Y%NV%<7kIVDaN=Y9jQFkkDkt)ff&%gA+@7DCUpaRS>d2}rLaX?Y)i31dZqw
yFD4>XaBO&hF<)74NS%FT^A?jD<FeQaVcRL4_#B8W6w{ObufV<^*{^oaqbkX@o+gj?~z`IE_>u&D(ho8Q1U0&~S709!o-|Kre03
qPW>;gstl$b$?X`R;+2Dew@U8kW6&+phcFN63rfsd4|!`4@MYePIw&MyFqf2iOhS}F6tGXM3TZdh?%w0v<|!WL=I^I^TAozNeop
mwi+&~K7_<TTg5xKMF={fSCWD!e=VhSfdHUsHg0xW48+z~CWCN1QBI39N!%`DC5$*e{F;3HWvce?11gGqZ#4`*Z)Wg>v1Myl%Bj
^_dyKdt088$3*>i)%ji@ziIzQ0O-F}AX-s>KM@D``yTM(;{|EI5+1+{{^&F&N?`9z-5TxE3uY|b2+UWAq32tPA&GlmI_zZuRab0
0!z#?9<&s>Wb^N@dkP;IB$)?J50k`D4khh6%<)6RciU9m%NQUsm8#R|jk?^HHlm&+Ym{7JDd_tV3Zp8iet6NQ9Ss3#N4;zVfZNc
T$u2{VCpnwy^BlrLMPuH~^%yz)eXAb)-iCQ4|2Y9XMam(qZ_9G9H<2`_HR@ZmN-A_B{lAreQO~79rxXXlx>y=dRV>+bUbS^Zfw1
0Jy@T2iLk$-RMQBv)19#TOEK3+fm`eC&wn(ux5^(P1(gWR^i_UO7+<2g*XRt!&_HGNbk&TqQx`S9?Bau8v@?ze@HxIpLEEe1xea
u^OpB_ql4wS;05kO=-keSTAwGVOZ0z%>1#B!18x`CEWBL(LYZgZN9=E9m-2T2tx|f5PzgN1xE#JWYA?N7&(-IDnTIl2{*lg&!Y>
5^%ihPkn>ucQo+)1$DT$E<0S7Nr%k5RNlwB9NkU#@Ou6VW5Qd$2Oo7&{u0S!bog&MFLm2_JB=^VXt*u@3cfg5hmW}L^f@S@x&EW
tKBVW$;0xjZl^(Vga6UVBu8$zsizl_guRdP)j@HLQzn{F3$o(wV*@b}@w_6;G8McIt_07+Y<!&|n=!Fuq=Q)4U!Q!V(?jyRL7_Q
k6M9coD1CMw?{W5$bi7VM&CJu4o0&l8q2VD2&JRa%LeSB#|=O5c!&#mRtukZ&n-nhu~*<lca`0zOq2qm3!e~vyJ-stV?biXi7{g
c9B(?8yHzi*!G)ilc5a`#MY5lOuFe=||>{WZgR>oDSYydmtO<H^JU8SMy$SMz%`-Ba66hA|)zscpM{um5EJt_NU+QxY(Z44Qt1p
Yr)_8M*iyi+6F8kSW*2J4R(PQK&L`TLK_n{9^h%6!w%C8y{Vh5eP15g2!4eOttSl+x-fg3zgrU!leX3*H;EC_U`pt@~Uk2IJuvf
$0O9qWgkyF0TLj9Y)|GxeNZ<*0{kJr4!K=;K%9vCKtLaN=J{R7+}!+FZ)q^gNPE_8v^vV(<PV*OI#F)Dfy2b^+bi5?<ny^4bYx6
CuwiLC{qH<yAONp_KO7)KGk>4Tt1NY#;;;2<_w9M<W0xIjpgAR+jPl7hz0)P5ek1X2BR`h>CE;CK@NxZ>78`DhV{0;@Mq0k-0Pn
Hjh@C%h|Kxe%;c{v4NYVSZ6dzlElHk*Qe2KT4hT-`i{yJnNB$w-`@AZw6VgH4x2=g0@b#1LQOWbUh@reJvf9gz3Am&0HKHV;`IA
1E|`T_t7>XH|{o$iKPki%_d$h52Jyp=>UC4*#5<{{H0;Up2%^Y@#Apvz8=*@NO=<{OU-S6JVNAgWOy!!-WI-SK*62fw41rgSg&B
mVG36LB=Z_5bpflj^aE-?qchK+^>Oz9YRriSn4&j05tHry!geAS+euH2l(Pjh`=H9gKV+1oC4I{kSMJy8EP#?4tLLEE`y+O#(k!
nA__33w0y1Z{aH&^Ym}HdU?L#<M-90j_V23FJ8bO-mYYX@VU?+<j48qx@{zSadP3p&Gd7Z&+hAXjvv_<(+X#wWg9F$iT_9Aa|Ui
mtiK36LYOE#O`bpg<^Q7u7RIdaZjUPfe>UqAK7P6_{&Z54`Ws&-(x$Uneo^%NpMT_tM@{*Q_GPpK=yQ!a>G;W1x&O)S2l+)Ne=g
R%`H7dAyjgE|zfGA5bubG!&l?Z+ZTzHoTQKAW`eLPpsQY5SqxTnhyAO$?S)tP%{epv?B*e?F-IF%fuTkLDy?^vt^Zbb)+0P?%oE
!Q%ITf~3;W<zC3%nhOcEc&5GF_>=k2DN{FW@_`?EI1X6|Dny<6lb{;C~T^k{8n12UDKO`(|c9Ky^W17X;N?ARax#?r#(@(_sDv`
QrH)^wv5b472vZjYpuZ9XKdX_E+%S&IKL7t|*Y)1A^P@S^Rg{`L2sX4W@&v{|la(7tpHejCGOpRclYI!$-^89}-^K`;y4x1oCge
znAdzh8;w2cc0Jp_7&jCMf}x`N4U#jI5VH_-{$ov9<%kURv)<*2*b`Y+#+9)%l^^D=m`xU0Y<CUHmp(bdk{yQ&i}}LXX_eC`i8h
Ye$-cQ^wYn5R@AfD=OAI7^t2P&vL()gD-Y8uF03Q}lymUIKfTqh<yHRWeT~5?UaJ=*SX}p$f#K8yB(Y=xe6~;i`}GME-cCT3p2`
ZR={>vY#RRup)JNlj3JIoqC9_unGj@k6(2b}gp-$UOu_t&Z>4oJ@yc^@&Kja0EA6S>C>s2@Uh?`Xu6fb4sr_6a2rZ-+4>vz5V%M
?;LKhfVtuZw{R_44s5<Jz~wgk{INu>toT?R{4{-7obY+4fk~gjNa+H}aW|U$-~r?sX~>=qhCRQVOZzLYfmG)8h;EggXSQ|MaGSy
b-@dNx%KRoG^HG@y*I)W5|l6y_}~gUpm?Kpkb~4LDPSQNSBQgW~vS~g7-q-wWNP$7!r2v6M_9t8T#d8v)>-F9n%la3%slrm_r`d
Pc`tQ8;|_FL{YV?^q@YS#s7tG8g~x2L)Jfe0}{Wt@x|5frP!|le0BR~uczzpJ#M^JYQmj8=>IzOR_###qU{N0cWQ&0e=g1ukUV8
GeIwsb=D-8jdR#bBm`AXG4fJXCaFmVcQ@IG_R;L|=(!F8m^fbDE>CK{bM(cZ96quk9v<z%dj_fOVWz?zB5kg0ma-PuRkT|^4m*v
%LAy^-3w9X*!XNt`$tE+wF+gk6lhPLpmc7DYL3&1R#nF3WEA!Gf`llAl-zB-IGf12gJkLeoMIF$$5+XiN6T^RL4Cg57<)+G`g<_
tO-c&v5Fc)1PUY8&C~e9GzLId0ZLu55iavYNWzakumSx|K$lHAwVE()x|{n<tfyw$Jr$_{D}prgT=Q9U;Jv(hlOV#9hwix+~C7W
WIRP?`fS#yl1d|yxUzreOwaWu-|>SZkB^^=Ht4j>$?GRI;~MPH5lYst6q=%{%FYas0W>{FG>6RdREtcQ|4Q(f$o%iv3z7?E=QGr
XNSCw`p|ugFaY)ozd~>KSK~)ruk|bh3W;WV-D#`>%CuPm9m>u6-8|!8SGT4=hz~hanCbIBPNXife;a-2CLq#=nSMcD8!Ga5!#|q
)vyU15|CAq9mLD&~8HsWQ^&s|%j^Pf<34;v3ke~-;-BWd}&?z;mcgp@kAez~idQz{q0{Z-CK<CE=ozcO0BkKQ5cY7WdpHKDM7Ep
7j_0s`RTeJ;x{hQ=Drej!FR>ytGuIqJ#vTxv1=Eu9ifp7K`X4m^&>~Hk8r2B}LH%7bQYe)3Kx_<w--Z3H(2fTR#8NTWHc>6ehUI
TAiZf3Xuq`@t{@dvtdiJ<HkvjS7`C_F#TkT|A8hX(-|*6+1<1%M6l27O9b|C=&^J|M;`<R6z0vY6g4zP-|KC#F2Z>yHz<;$<ILq
h!N*5Aoye0os2MgR0Vn6LN9T&s#un@5e7lbU)YQf|rMQhY5ALknlkNrFazfosToa4~I+LY%zbNwxja^j#<u$zFY9FWlr)Z*2t&)
7vkq1emgI#;~m#!`kDf}TLwrY+Xnguz-o7Seq^&0;-u}~qF9~A`l|aMJ{8<(_g|Xh%>G;VV4Lr8uj^!9ix1umz+=3P-*9ly890I
ZM|`_pl4Z_m30B+%_<5g!eIuwO2GW{&CG*FvrwIZR@#}KkAI1^LRol;{lpS!o?3^-T&j0DGqh!u664-%$t9+E}4?mv`ugX?h{F$
S1!AAM&bl*8fOxT#mD?XWQyP01hu`W<R_{4lRl-I<KKvu*q?^pde{g1cR(M>m{?@aX0>~2im+oF^8k!98aboHy%|3<cs42^Hue&
23KqA2p)M86W>u`@0_#^9cFSYj5uFZF^Si`u7V>ymc+=`Tr6jG-k;@_zCn!-*#&SkCqq&>ISOOh~-|UBTP2-`eq~(vnuUydf(P@
V{JcM1R?wK{5iSG$c41{eXde(3ki>e4c`6*MEe2{WOg0yg1DBBJtp1nEbDNd9b-d#RmTLXBc1m=f7P>&kc<X*rY@J^u>4hQR#+%
B;23V(v4`jZDM1a>mM6ot52(P(c<pSaGThT;=Ukm&jP8O+l|DI)fs+(X~rx17I$kWb*(e2!M2sM^$&C7ohRg22CpV)(9%Yq@tim
Gkj&@uTcz;!a{#$MEyF1*SPC!b9z0kGBru#fy?v~McUQ1H_Pq05%BK&&_1MS#zTQ9mi_!8;H3M4?vb>rWf*!idJAMWO4wxTDrlp
00h2{hMk$-Io$*SU>Bv)5X^j{$VE?BAap}=CX9#icGYX|k2_5}YGixa{3&&GP&Wr1!@{KAFw>7)#n{f3c3Unl&|3f}ADvNDgUke
jI}2-g$n2Rwgw7D##43Voniex8uGuhRn0HDY{_zOU;eOFH@qpnA7#@j9Y0TKt&(bzRlI?kdrN?EH~+ysDU1Yb38kJ7!$&cEj>M)
QKYI9}djl)M}aOAa<`D{D(yB+O5F<Tir#1S3WbWP5IKK+%H~(_1VtKhCH8-8K=(=+TSv)7cR)Zi+#L&uGcLp`v;l-SpYACDWKSW
Bc3xuxtBNiv>zSYdoI}L@4P^Dm^E(bP<GY-2-nVO5O|qjgk@B*7dy^1tm|8bK5nm*V+-;P1G@k4kjXB0vwS=i@9*vNr(M$Xl4su
4`#Z|F65@Rw*UQtSPdn;C9w3eLohvihM{uK03;KamCy#yte?^>=FoK3Bm&?Cp$mx9>=i6p(@9#kg>9_t>H~sh9;LAeaPc`5OuJ-
gPCmRN?c2zBI-WTFf9~*iq^zCfSKaul#@2}oRGqdnv9y59Q;eC3;b*+AV@A{p`A3h2$C$7GoXv2sdIQXJ&GlbLY(T?WWXdwTfI7
p6%Ubm({js6pJOKa30kY$aSW5>RwnBM~X&%7JQm2Pe)ug{Os`QK~yyv66jaX(I^2Z?Ec?A?0jyhPSBt-kyADf}k&E;qcGxO>+A<
m7!t0A?fG(drVAH+c_pl-=siVU81epIX%fRR5efCIE0TZq5Z``;7~P+x=Tc-yv1tH9b&b1vVg|x%~RP-+3Y#x&+LhxzXPiV<J%G
GH^VX*p&@}3wJjD!1_MIS0?H6V5SpOE}UXt7462yz^1u>WB{5zm|yOOaOCPtr)Tw3^!d=934@)lNUytD7*F`z&>f%1f5;&!_i!5
i?f__U0C*KP@;@U(KXoSWt8#^sJB%BKQ$7B|U!oqGXJOwu#vK32PLm5Xz%SG@-52wB;L%?_iQ}(V|J1FnEz4XKcT0AQ_@{IFkUv
3Bv*A}I@38rAI;WYx%YN-^{dAK?FGEw;Trmgpcw+pf>4Npno}iQHu-}Z1H66SQ-AbjM$4{LpvK)E({0E=^<8`QO`*<6)dyhYv<o
V$zGIbwA{jceCe0&Od@`3Tof<JE5e=gTk6W5&{@W2}f=!e4NZn6J2*4N!c)mWq|bUS#1{gLsNRrr`O&Uf(hqSs~lX9`L*Rf&tHp
Lp-j9SCnEa!|(F5GItjg=)S$(*^tP>BIAQp__e>V(*r4-x+3_P%gB2+T?|Zudke;JD(P?FT_7d6AhMEf%m458yxRYy*~!Due|SK
|F1cw#PM8xat==L4p#OBbe|{dy1r=xwWH1}+GeL1yS0(l?VR5_)sJxC9q%%0mw*!09yG9Ax6R3}Ps@<?(~5>S_{RAo)R1_>zA@k
o7f!Al1xESMK0nHz6M-^3#53_7(BtiYlfv0kPnaC5aQDyL%bW|(VRLzR_>9fSeH$SpS${3Y`+Kta&Uc_gV7pjf-anUqcn~j_i5Z
6k{lDgqI@Wtrzs-D;@xpZ)H|iJD=*Q#gHfH><Y*sG}U>Jw>g{XC1=sQNjqjP{0>K4W|iC0pO7JVFEVtY?37~FPuD0pOp=9h<z^a
m1-V=}QI=Ws(W60Y$IfPVTz<d>k++f`4Zq69V6x|;1vxUS?GsyDK=Z{4!o*%LPK5Y0M5^>kYPH914`K|Mg{$AC|ms1pU}L2AB@z
fQ>(uq~hK(tqj}cjusx<z|8U!##@rgQ|vg{fdv-OLhI)P3zy=2uy#^5h4g$AE>~&Ua~L_^es-v@n7k~M{<6Q&M(XGhDIFeUaG&<
_}MGElnt*um(S04q{9J>w;5O=-pRea^LkzdQvN2|VVFH#>qkEnSA5&0f97_0{ZJ1|hu<40c$+>>{F_&ZIggHYK)C~~Bcy$jUmO3
X<3qeLFnk+?To^x^Idr*i8-&;PU>&$I!w-}5rXhS0zh=4s$xpnW{`wITBLSD=hj`R|Fa-I`=F`kPewE_=VVDasQ8#Q4>RW*WyyK
`wsI~_}RsjbV(eCt47HB_0u<iORW@Tr!d8~5}3!w7(1|2O9q!Rx87U=al60>xpf8<&d^K|BV=g=9DTJx1s=D!0c*_jpkbq+P~Hr
gQKUgSBmA-l?a+w2hY_rf&ZpaWQ)6nX?k{N(cs-|^&ha6Z3`ys8QF;10-RB-c?BEpdKEByRG|Q?BgYkYs(AP2&&e6ISng+VvH5v
(OD;Lq};pJSgDFb+RsZ`&`P5e3j!p7UEx>5Q-`di`4L)ABR&^Yco9lKyUw+)d~MfcVPjAJbO6J%sMjrMhEp%PYcAs)*pZQ+;{PE
=;MFb0L%_wy?|i@(^3DG_+W;<6B4%I{?>Jt#Jhp?N4Yt_{w9H)kbf7}=lW*5EzC0A+_$s4Op<lsiMr3M09cpL-?_jyWY|&=oNR9
tIJ2Pt0t{aZZJtjonDY(_Q(v7AGGH%21qtyc;45eZ_jx~TWVC))rPp<?Z2sDv7uwDR;{N8?5r6y#^i!q3IA}Xf6ft*m8_{&N20n
uPZD)d7{P`#lAjAuLBn^J%FxCw|I}P$I`Rxy)ZVY&SW7!0cSRhmT^MOG5FPvyly!GHKo;E~8{cxuJ>GL*FC#0f!P@mJ++kSXb7@
9viWX&JS=eQ~CwaibBF$F8okH+2y8qkLc%jDNo(hvmy*aa5qVP5-t3F`Q5e-!(+`SL2-v;N76Nl)%ibjrhofbV*~jSFe9ez!28Y
Oufa+?+>JtIw6RO#SId;IFal#`AKzh5cUH1i%u+O(3ksJi#a0@2a1?C|sq`0|)8p0Lm+3($Bb1Kq=^74k<+I-`!_6s_Df1SAo|i
9MJmdwqwk+zFi*QE8+~9!3Sm9V}K3|6+DfO1-3c3)0-_3eq&{W`o%$B&&`1fll6~=8|d3A5Px~X!}g2YkiWv<;pY$i9@xmcgLw4
*AfIDfB6u)O70ldGPd+z}zdlC<{Xe+8$at;uN38#qaYt|7;?Dp9l_%!!Yh8f#0m$$l@cQQpnDe|(_8UDun9U}sr`14o4$c+I=pP
Ob@>l`MW<P0ju50$T`2m6P!}xcx{&Zms`!!GNACauW1ZqK_Z-A2+oI17FF)=5p3|=_L06q=r(Fz!F*QhT@)X9vF1ElleP#COiQ1
|u_I54>o%wJ3$W`+Smikois2OZzM8IQFBAPvSZ+kI#DA6sBQzJ33v|2>GHP;V2gUpjcb94hWn0Gl=%J4^jj%Kwa|^Eh-4n@pqgE
H$M{)Gc2dV<tkZ)Db@Ir>(!f<ER(rC*OAe<@SQB<G*Sduxbj?PgxA#go^%U)$f?nuCX5R6qoNpuhyaie#l5F3w_09J>}K=GA%<I
TgS^c+&>Mi=i`&~ZVd9U?}-!jj8k<^@$>wXg*u4lCH5Ss1vmTZF`Re25I?V-aL!~i+vhoEhd3MC=r%d%yy5(FdUJW0|E>FN*eE}
RzRTupp%LRWdeJoegK&-Q_gC=&-!4URMQ>dUzYt2b3V~G=zonj_QNJdKMDq)YA2x?7Bo7#Q{^&K6&o$v=3<OtTZdHLYFLR!R6Vt
LzbTE0l;sWOdaBRb^$d9p2)|H^%37wq}ek_o-Q4Qy33=)m|Vx0zhXJr>U`Og#n%WzE8e!d9ayMEOz?Ue=jJXNO2=lZsfiy@2S4}
XaX`&aVQFn@JXITkq|;8l{bQK`MU-7BBruT4q`9LV(!y6tx^x#>HemY|zlDDZ@i0f`A^9EoG-pW9`%FJYuWQ2lnn4RoDL2i?_T{
GROkC*KJFr2GZ(IpXO_|G9ec`BMnI0zdTNN|>`yF0eGo1#2B=fQTdS5EvPq!1Ot66khCpqb)rS@a4{AW?Wdub8rsj-{A0p-*~$k
KL8WEKOckRQnD9-VMsUg;rjM}5Ql9D2HS1=xVZ6r5*=r$fliOzN<aSFpFil&Q^1_A<!SWpocnGC03H8h4(OH(wE*2PKi!{yGO+*
YoxT9Nw=xche>jbYn{WRIh_E<(fFROLcG2s+h)Nt{dU)Bbf!`k})K<(5l=b~7z-6Yb0}nRKs=G-hcXK`GlfO#Yjy}Rm)@gv9nTy
9C0|CzT8-LG&zF)7m`J@*L4)~m&_xWXS1ON3lR{4`2;7<mWmV4G)9I`B@eXqn_%hRs=Z2*7}q4B|y7yFL*AcDAtC0b&gX?^^KYD
Mh%11qEQSwVMb+~8P5$VwmJmFtEsDX$BIx!b0|JA{h-qZ`m@eEwsb%L2LT=gZ%)?@InYT<-t__Ak}Jy0JgLgt`-_2YudMd?)F^K
G`>-VfKb#z~XMWPWz#G1E<aNW}^;qHgpJKNj_ob784(Yhk7|5pC<N>w*G-T(0RqY?D4Hr2FYGJ_;=!e_6?8Q5;^_y#pedxpZ-<#
8n^XBU7d43$M<n5S|>*RBVBxsf+-|5mO*b3k$=q9HwH@ZJaZtI4;-f+zU;TW{x-n-Ttt5oP-7pUO>n>VZ4X=!YtR;hz`14dKJwy
VjbHrrJ{IMD9#8(1#Uq~*k(ur#@h7ZX<N0H%8^v=(Z=xKmdoAztA&46cH){+uB24g|tvmZhwBdv(6XoDRwQg}Cgb(`Nr`CgXuKB
h;+%df2+v}d3hr{R5JU-^<ecqN2_-8>HM4==kU3XH#nF;$^M@2Au-8;Il*T*^^KmAycNFVPYFv%KiUq{XGn+*abwYU7ik$(^1T0
i3we7iZeQRlYUJVyC;4EWfWHN;7p13lm7`ZNAqj*q-OI60t0=ZEHVa2Q^f8}*Cx`TT+8bN|xigG%04e=-8*q;((L3b%IUw^7vX*
E<am|2m%2TKQmwjOUn2_(Hn8(XgX@IO<%@33yy++Z}w;-~gbD{uumE<YOuR{C9tKdvBjg{4_4)^9Ij^##in8u;+k0OsrlU_2w`C
<xgzjtCSP)RG*ydr~PoNV5*S`gCyU@4)H-K^80v<)n$?st(Dt~O8B$@v9VpD%l~Ff{joa8*&!IS>IeqNfDc-z6Yhk^4c*7=<S+5
yL9g48R`75;(C=H~<&TZwV42~Cbn_TVpNDk9p4&Grvi~*FZhh?NJE;F74B^BoHr8GKcnWM|#aw3zcIYc!&499AMvvdR1Um%N&2p
#nzrl`)<UJ9OnS|Zs1^s#43k?MY&%KaiXLF5`>e5X2-Pyjzg-Pf~I{EnC`)-6kUiVu+kNYY8e#b@)*Dq+?IH3zHy8)<q|A^yzuY
dbk!)IVF>4WESXkY5abB7rSZV1>;KGx`2c5dnp6?1~i%?EMdK}9(x^{DZgsC-BsJJ~2doIuIYe^l!yYc4mUT$0ZN^5;5-x2*$yE
#QII_B_oGZq#v`ukh#iHpb@1`*h55WIasLB<NRHM4xwzM9k|+u9I8dZ^80IwZ=oGX~y}Py5*1e$^Di8^7)X4zr@YG&#(0{Nlc{d
AjDa%4%e9O3XEUg5btxz>W|Xb_4XS=&w)M#ZFjJFezW<+>32dV^0ZR!Z2}7e);gua8n5L3(PzrXmMZeW@AR*JFx<djm2=d3!`!3
P*&qI28m@AOJ0gC{jr;?Pl4v&
"""
